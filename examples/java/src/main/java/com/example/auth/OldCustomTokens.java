package com.example.auth;

import io.jsonwebtoken.Jwts;
import io.jsonwebtoken.SignatureAlgorithm;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;

/**
 * With the old API of jjwt, which many servers still use.
 *
 * <p>It expects the secret in base64 and decodes it, so the key is still the plain bytes of the
 * secret. Given the secret itself, it would decode that too, and sign with another key.
 */
@SuppressWarnings("deprecation")
public final class OldCustomTokens implements CustomTokens {
    private final String secretInBase64;

    public OldCustomTokens(String secret) {
        byte[] bytes = secret.getBytes(StandardCharsets.UTF_8);
        secretInBase64 = Base64.getEncoder().encodeToString(bytes);
    }

    @Override
    public String issue(User user, Instant now) {
        return Jwts.builder()
                .setSubject(user.id())
                .setIssuedAt(Date.from(now))
                .setExpiration(Date.from(now.plus(LIFETIME)))
                .claim("skyprofile", CustomTokens.profile(user))
                .signWith(SignatureAlgorithm.HS256, secretInBase64)
                .compact();
    }
}
