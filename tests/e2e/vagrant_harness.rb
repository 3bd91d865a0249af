# Reads a Vagrantfile with a Vagrant that only writes down what it is told: one line per setting, in order.
#   ruby vagrant_harness.rb VAGRANTFILE [COMMAND]
require "json"

class Recorder
  def initialize(path)
    @path = path
  end

  def method_missing(name, *arguments, **options, &block)
    told = arguments + (options.empty? ? [] : [options])
    if name.end_with?("=")
      puts "#{@path}.#{name.to_s.chomp("=")} = #{JSON.generate(arguments.first)}"
    elsif block
      blocks = [Recorder.new(name == :define ? arguments.first : "#{arguments.first} of #{@path}")]
      blocks << Recorder.new("#{@path}, overridden") if block.arity > 1
      block.call(*blocks)
    elsif told.empty?
      Recorder.new("#{@path}.#{name}")
    else
      puts "#{@path}.#{name} #{told.map { |one| JSON.generate(one) }.join(", ")}"
    end
  end

  def respond_to_missing?(*)
    true
  end
end

module Vagrant
  def self.configure(_version)
    yield Recorder.new("config")
  end
end

load ARGV.fetch(0)
