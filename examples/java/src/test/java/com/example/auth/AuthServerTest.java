package com.example.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.example.auth.Client.RefusedException;
import io.jsonwebtoken.Claims;
import io.jsonwebtoken.Jwts;
import io.jsonwebtoken.security.Keys;
import io.jsonwebtoken.security.WeakKeyException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Tests of the auth server alone: who gets a token, and what the token contains. */
class AuthServerTest {
    private static final String SECRET = "a secret that only these tests know";
    private static final URI NOWHERE = URI.create("http://127.0.0.1:1/");

    static Stream<CustomTokens> bothApis() {
        return Stream.of(new NewCustomTokens(SECRET), new OldCustomTokens(SECRET));
    }

    private static AuthServer start(CustomTokens tokens) throws IOException {
        return new AuthServer(AuthServer.users(), tokens, 0);
    }

    @ParameterizedTest
    @MethodSource("bothApis")
    void aUserGetsACustomToken(CustomTokens tokens) throws Exception {
        try (AuthServer server = start(tokens)) {
            Client client = new Client(server.url(), NOWHERE, "");

            String token = client.fetchCustomToken("alice", "correct horse");

            Claims claims = Jwts.parser()
                    .verifyWith(Keys.hmacShaKeyFor(SECRET.getBytes(StandardCharsets.UTF_8)))
                    .build()
                    .parseSignedClaims(token)
                    .getPayload();
            assertEquals("u-1001", claims.getSubject());
            long lifetime = claims.getExpiration().getTime() - claims.getIssuedAt().getTime();
            assertEquals(3_600_000, lifetime);
            assertEquals(
                    Map.of("username", "alice", "email", "alice@example.com"),
                    claims.get("skyprofile"));
        }
    }

    @ParameterizedTest
    @CsvSource({"alice, wrong", "eve, correct horse", "'', ''"})
    void wrongCredentialsAreRefused(String username, String password) throws Exception {
        try (AuthServer server = start(new NewCustomTokens(SECRET))) {
            Client client = new Client(server.url(), NOWHERE, "");

            RefusedException refused = assertThrows(
                    RefusedException.class, () -> client.fetchCustomToken(username, password));

            assertEquals(401, refused.status());
        }
    }

    @Test
    void withoutCredentialsTheyAreAskedFor() throws Exception {
        try (AuthServer server = start(new NewCustomTokens(SECRET))) {
            HttpRequest.Builder plain = HttpRequest.newBuilder(server.url().resolve("custom-token"));
            HttpClient http = HttpClient.newHttpClient();

            HttpResponse<String> asked =
                    http.send(plain.POST(HttpRequest.BodyPublishers.noBody()).build(), BodyHandlers.ofString());
            HttpResponse<String> got = http.send(plain.GET().build(), BodyHandlers.ofString());

            assertEquals(401, asked.statusCode());
            assertTrue(asked.headers().firstValue("WWW-Authenticate").orElse("").startsWith("Basic "));
            assertEquals("no-store", asked.headers().firstValue("Cache-Control").orElse(""));
            assertEquals(405, got.statusCode());
        }
    }

    @Test
    void theNewApiRefusesAWeakSecret() {
        assertThrows(WeakKeyException.class, () -> new NewCustomTokens("too short"));
    }
}
