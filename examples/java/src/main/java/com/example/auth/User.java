package com.example.auth;

/** A user of the auth server. The id never changes; of the password only a hash is kept. */
public record User(String id, String username, String email, String password) {}
