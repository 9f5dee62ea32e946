package com.example.auth;

/** A user of the auth server. The id never changes; {@code password} is a hash. */
public record User(String id, String username, String email, String password) {}
