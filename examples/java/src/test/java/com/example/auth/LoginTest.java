package com.example.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.example.auth.Client.RefusedException;
import com.example.skylogin.Skylogin;
import com.example.skylogin.SkyloginExtension;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tests of the whole login: password, custom token, Skygear. */
@ExtendWith(SkyloginExtension.class)
class LoginTest {
    private static final int BAD_REQUEST = 107;

    enum Api {
        NEW(NewCustomTokens::new),
        OLD(OldCustomTokens::new);

        final Function<String, CustomTokens> tokens;

        Api(Function<String, CustomTokens> tokens) {
            this.tokens = tokens;
        }
    }

    private AuthServer authServer;
    private Client client;

    @BeforeEach
    void start(Skylogin skylogin) throws IOException {
        startAuthServer(skylogin, new NewCustomTokens(skylogin.secret()));
    }

    @AfterEach
    void stop() {
        authServer.close();
    }

    private void startAuthServer(Skylogin skylogin, CustomTokens tokens) throws IOException {
        authServer = new AuthServer(AuthServer.users(), tokens, 0);
        client = new Client(authServer.url(), skylogin.endpoint(), skylogin.apiKey());
    }

    @ParameterizedTest
    @EnumSource
    void aUserOfTheAuthServerBecomesAUserOfSkygear(Api api, Skylogin skylogin) throws Exception {
        authServer.close();
        startAuthServer(skylogin, api.tokens.apply(skylogin.secret()));

        JsonNode answer = client.logIn("alice", "correct horse");

        assertEquals("alice", answer.get("profile").get("username").asText());
        assertEquals("alice@example.com", answer.get("profile").get("email").asText());
        JsonNode me = skylogin.call(
                "me", Map.of("access_token", answer.get("access_token").asText()));
        assertEquals(answer.get("user_id"), me.get("user_id"));
    }

    @Test
    void eachLoginGivesTheSameUser(Skylogin skylogin) throws Exception {
        JsonNode first = client.logIn("alice", "correct horse");
        JsonNode second = client.logIn("alice", "correct horse");
        JsonNode other = client.logIn("bob", "battery staple");

        assertEquals(first.get("user_id"), second.get("user_id"));
        assertNotEquals(first.get("user_id"), other.get("user_id"));
    }

    @Test
    void aWrongPasswordNeverReachesSkygear(Skylogin skylogin) {
        assertThrows(RefusedException.class, () -> client.logIn("alice", "wrong"));

        assertTrue(skylogin.admin("GET", "logins", null).get("attempts").isEmpty());
    }

    @Test
    void anExpiredTokenIsRefused(Skylogin skylogin) throws Exception {
        String token = client.fetchCustomToken("alice", "correct horse");
        client.logInWithToken(token);

        skylogin.advance(Duration.ofSeconds(3601));

        RefusedException refused =
                assertThrows(RefusedException.class, () -> client.logInWithToken(token));
        assertEquals(BAD_REQUEST, refused.code());
        JsonNode attempt = skylogin.waitForLogin(Map.of("subject", "u-1001", "accepted", false));
        assertEquals("expired", attempt.get("reason").asText());
    }

    @Test
    void aTokenIssuedInTheFutureIsRefused(Skylogin skylogin) {
        Instant frozen = Instant.parse("2026-01-01T00:00:00Z");
        skylogin.freeze(frozen);

        assertThrows(RefusedException.class, () -> client.logIn("alice", "correct horse"));

        JsonNode attempt = skylogin.waitForLogin(Map.of("subject", "u-1001"));
        assertEquals("issued_in_future", attempt.get("reason").asText());
        assertEquals(frozen, Instant.parse(attempt.get("at").asText()));
    }

    @Test
    void aFrozenClockCanBeUnfrozen(Skylogin skylogin) {
        skylogin.freeze();
        Instant frozen = skylogin.now();
        assertEquals(frozen, skylogin.now());

        skylogin.unfreeze();

        assertTrue(skylogin.now().isAfter(frozen));
    }

    @Test
    void aTokenSignedWithAnotherSecretIsRefused(Skylogin skylogin) throws Exception {
        authServer.close();
        startAuthServer(skylogin, new OldCustomTokens("not the secret of Skygear, but as long"));

        assertThrows(RefusedException.class, () -> client.logIn("bob", "battery staple"));

        JsonNode attempt = skylogin.waitForLogin(Map.of("accepted", false));
        assertEquals("signature_wrong", attempt.get("reason").asText());
    }

    @Test
    void aResetRemovesTheUsers(Skylogin skylogin) {
        JsonNode before = skylogin.logIn("carol");
        assertEquals(before.get("user_id"), skylogin.logIn("carol").get("user_id"));

        skylogin.reset();

        assertNotEquals(before.get("user_id"), skylogin.logIn("carol").get("user_id"));
    }

    @Test
    void theHelperReportsSkygearsErrors(Skylogin skylogin) {
        String expired = skylogin.mint("carol", Map.of("expires_in", -1));

        Skylogin.RefusedException refused = assertThrows(
                Skylogin.RefusedException.class, () -> skylogin.logInWithToken(expired));

        assertEquals(BAD_REQUEST, refused.code());
        JsonNode attempt = skylogin.waitForLogin(Map.of("subject", "carol"));
        assertEquals("expired", attempt.get("reason").asText());
    }
}
