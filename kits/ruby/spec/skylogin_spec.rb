# frozen_string_literal: true

require 'skylogin/rspec'

RSpec.describe 'an example group with the tag' do
  describe 'skylogin', :skylogin do
    it 'logs in' do
      expect(skylogin.log_in('alice', profile: { name: 'Alice' }).profile).to eq('name' => 'Alice')
    end

    it 'starts without users' do
      expect(skylogin.users.to_a).to be_empty
    end
  end

  it 'alone has the helper' do
    expect(self).not_to respond_to(:skylogin)
  end
end
