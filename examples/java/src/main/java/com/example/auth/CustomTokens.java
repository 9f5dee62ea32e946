package com.example.auth;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;

/** Makes custom tokens, which skylogin or Skygear accepts as proof of who the user is. */
public interface CustomTokens {
    Duration LIFETIME = Duration.ofHours(1);

    /** Return a token for {@code user}, issued at {@code now}. */
    String issue(User user, Instant now);

    /** Return the fields of the user record that the token sets. */
    static Map<String, String> profile(User user) {
        return Map.of("username", user.username(), "email", user.email());
    }
}
