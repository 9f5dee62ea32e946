package com.example.auth;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;

/** Makes custom tokens: what skylogin, or Skygear, takes for the word of this server. */
public interface CustomTokens {
    Duration LIFETIME = Duration.ofHours(1);

    /** Return a token that says who {@code user} is, from {@code now} on. */
    String issue(User user, Instant now);

    /** Return the fields of the user record that the token sets. */
    static Map<String, String> profile(User user) {
        return Map.of("username", user.username(), "email", user.email());
    }
}
