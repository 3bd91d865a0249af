# Goes before our Vagrantfile for providers whose plug-ins cannot be had freely: Vagrant knows a provider of the name that
# PLUGIN holds, takes every setting of it, and validates all the rest.
module StandIn
  class Config < Vagrant.plugin("2", :config)
    attr_accessor :memory, :cpus, :linked_clone

    def vmx
      @vmx ||= {}
    end
  end

  class Provider < Vagrant.plugin("2", :provider)
    def state
      Vagrant::MachineState.new(Vagrant::MachineState::NOT_CREATED_ID, "not created", "not created")
    end
  end

  class Plugin < Vagrant.plugin("2")
    name ENV.fetch("PLUGIN")
    provider(ENV.fetch("PLUGIN").to_sym) { Provider }
    config(ENV.fetch("PLUGIN").to_sym, :provider) { Config }
  end
end
