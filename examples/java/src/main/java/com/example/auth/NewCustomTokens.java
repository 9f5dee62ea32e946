package com.example.auth;

import io.jsonwebtoken.Jwts;
import io.jsonwebtoken.security.Keys;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Date;
import javax.crypto.SecretKey;

/** With jjwt 0.12 or later: the key is an object, and short secrets are refused. */
public final class NewCustomTokens implements CustomTokens {
    private final SecretKey key;

    public NewCustomTokens(String secret) {
        key = Keys.hmacShaKeyFor(secret.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public String issue(User user, Instant now) {
        return Jwts.builder()
                .subject(user.id())
                .issuedAt(Date.from(now))
                .expiration(Date.from(now.plus(LIFETIME)))
                .claim("skyprofile", CustomTokens.profile(user))
                .signWith(key, Jwts.SIG.HS256)
                .compact();
    }
}
