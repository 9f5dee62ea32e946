package com.example.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.example.auth.Client.RefusedException;
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
import skylogin.BadToken;
import skylogin.LoggedIn;
import skylogin.LoginAttempt;
import skylogin.SkyloginApp;
import skylogin.SkyloginExtension;

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
    void start(SkyloginApp skylogin) throws IOException {
        startAuthServer(skylogin, new NewCustomTokens(skylogin.secret()));
    }

    @AfterEach
    void stop() {
        authServer.close();
    }

    private void startAuthServer(SkyloginApp skylogin, CustomTokens tokens) throws IOException {
        authServer = new AuthServer(AuthServer.users(), tokens, 0);
        client = new Client(authServer.url(), skylogin.url(), skylogin.apiKey());
    }

    @ParameterizedTest
    @EnumSource
    void aUserOfTheAuthServerBecomesAUserOfSkygear(Api api, SkyloginApp skylogin) throws Exception {
        authServer.close();
        startAuthServer(skylogin, api.tokens.apply(skylogin.secret()));

        JsonNode answer = client.logIn("alice", "correct horse");

        assertEquals("alice", answer.get("profile").get("username").asText());
        assertEquals("alice@example.com", answer.get("profile").get("email").asText());
        assertEquals(
                skylogin.users().get("u-1001").id(), answer.get("user_id").asText());
    }

    @Test
    void eachLoginGivesTheSameUser(SkyloginApp skylogin) throws Exception {
        JsonNode first = client.logIn("alice", "correct horse");
        JsonNode second = client.logIn("alice", "correct horse");
        JsonNode other = client.logIn("bob", "battery staple");

        assertEquals(first.get("user_id"), second.get("user_id"));
        assertNotEquals(first.get("user_id"), other.get("user_id"));
    }

    @Test
    void aWrongPasswordNeverReachesSkygear(SkyloginApp skylogin) {
        assertThrows(RefusedException.class, () -> client.logIn("alice", "wrong"));

        assertTrue(skylogin.logins().list().isEmpty());
    }

    @Test
    void anExpiredTokenIsRefused(SkyloginApp skylogin) throws Exception {
        String token = client.fetchCustomToken("alice", "correct horse");
        client.logInWithToken(token);

        skylogin.clock().advance(Duration.ofSeconds(3601));

        RefusedException refused =
                assertThrows(RefusedException.class, () -> client.logInWithToken(token));
        assertEquals(BAD_REQUEST, refused.code());
        LoginAttempt attempt = skylogin.logins().waitFor(one -> !one.accepted());
        assertEquals("u-1001", attempt.subject());
        assertEquals("expired", attempt.reason());
    }

    @Test
    void aTokenIssuedInTheFutureIsRefused(SkyloginApp skylogin) {
        Instant frozen = Instant.parse("2026-01-01T00:00:00Z");
        skylogin.clock().freeze(frozen);

        assertThrows(RefusedException.class, () -> client.logIn("alice", "correct horse"));

        LoginAttempt attempt = skylogin.logins().waitFor("u-1001");
        assertEquals("issued_in_future", attempt.reason());
        assertEquals(frozen, attempt.at());
    }

    @Test
    void aTokenSignedWithAnotherSecretIsRefused(SkyloginApp skylogin) throws Exception {
        authServer.close();
        startAuthServer(skylogin, new OldCustomTokens("not the secret of Skygear, but as long"));

        assertThrows(RefusedException.class, () -> client.logIn("bob", "battery staple"));

        assertEquals("signature_wrong", skylogin.logins().last().reason());
    }

    @Test
    void aDisabledUserIsRefused(SkyloginApp skylogin) {
        skylogin.users().add("u-1001").disable("too loud");

        RefusedException refused = assertThrows(
                RefusedException.class, () -> client.logIn("alice", "correct horse"));

        assertEquals(403, refused.status());
    }

    @Test
    void aTestCanLogInWithoutTheAuthServer(SkyloginApp skylogin) {
        LoggedIn carol = skylogin.logIn("carol", Map.of("username", "carol"));

        assertEquals("carol", carol.profile().get("username"));
        assertEquals(carol.userId(), skylogin.users().get("carol").id());
    }

    @Test
    void aBadTokenIsRefused(SkyloginApp skylogin) {
        String tampered = skylogin.mint(BadToken.TAMPERED, "carol");

        assertThrows(RefusedException.class, () -> client.logInWithToken(tampered));
    }
}
