package skylogin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SkyloginAppTest {
    private static final String LOGIN = "sso:custom_token:login";
    private static final Map<String, String> ALICE = Map.of("username", "alice");

    @RegisterExtension
    static final SkyloginExtension SKYLOGIN =
            new SkyloginExtension().withSetting("SKYLOGIN_ISSUER", "shop");

    private static String mint(SkyloginApp skylogin, String sub) {
        return skylogin.token(sub).claim("iss", "shop").profile(ALICE).mint();
    }

    private static LoggedIn logIn(SkyloginApp skylogin, String sub) {
        return skylogin.logInWith(mint(skylogin, sub));
    }

    @Test
    void aUserLogsIn(SkyloginApp skylogin) {
        LoggedIn first = logIn(skylogin, "alice");
        LoggedIn second = logIn(skylogin, "alice");

        assertEquals(ALICE, first.profile());
        assertEquals("user/" + first.userId(), first.record().get("_id"));
        assertNull(first.lastLoginAt());
        assertEquals(first.userId(), second.userId());
        assertFalse(second.lastLoginAt().isAfter(skylogin.clock().now()));
        assertFalse(first.toString().contains(first.accessToken()));
        Object me = skylogin.call("me", Map.of("access_token", second.accessToken()));
        assertEquals(first.userId(), Json.object(me).get("user_id"));
    }

    @Test
    void aRefusedLoginSaysWhy(SkyloginApp skylogin) {
        RefusedException refused =
                assertThrows(RefusedException.class, () -> skylogin.logIn("alice", ALICE));

        assertEquals(400, refused.status());
        assertEquals("BadRequest", refused.name());
        assertEquals(107, refused.code());
        assertEquals("issuer_wrong", refused.reason());
        assertTrue(refused.getMessage().contains(refused.explanation()), refused.getMessage());
        LoginAttempt attempt = skylogin.logins().last();
        assertEquals(ALICE, attempt.profile());
        assertEquals(List.of(attempt), skylogin.logins().refused());
        assertEquals(List.of(), skylogin.logins().accepted());
    }

    @ParameterizedTest
    @EnumSource
    void aBadTokenIsRefused(BadToken bad, SkyloginApp skylogin) {
        String token = skylogin.mint(bad, "alice");

        assertThrows(RefusedException.class, () -> skylogin.logInWith(token));
    }

    @Test
    void aTokenHasWhatItIsTold(SkyloginApp skylogin) {
        String token = skylogin.token("alice")
                .claim("iss", "shop")
                .algorithm("HS512")
                .expiresIn(Duration.ofMinutes(5))
                .mint();

        skylogin.logInWith(token);

        LoginAttempt attempt = skylogin.logins().waitFor("alice");
        assertEquals("HS512", attempt.algorithm());
        long lifetime = (long) attempt.claims().get("exp") - (long) attempt.claims().get("iat");
        assertEquals(300, lifetime);
    }

    @Test
    void waitingInVainListsWhatThereWas(SkyloginApp skylogin) {
        skylogin.mint("bob");
        assertThrows(RefusedException.class, () -> skylogin.logIn("eve\n"));

        AssertionError error = assertThrows(AssertionError.class, () ->
                skylogin.logins().waitFor(LoginAttempt::accepted, Duration.ZERO));

        assertTrue(error.getMessage().contains("eve\\x0a  refused issuer_wrong"), error.getMessage());
    }

    @Test
    void aResetRemovesUsersAndAttempts(SkyloginApp skylogin) {
        LoggedIn before = logIn(skylogin, "alice");
        skylogin.faults().drop(LOGIN);
        skylogin.clock().freeze(Instant.EPOCH.plus(Duration.ofDays(3650)));

        skylogin.reset();

        assertThrows(NoSuchElementException.class, () -> skylogin.logins().last());
        assertEquals(List.of(), skylogin.faults().list());
        assertNotEquals(before.userId(), logIn(skylogin, "alice").userId());
    }

    @Test
    void theClockMoves(SkyloginApp skylogin) {
        Instant day = Instant.parse("2030-01-01T00:00:00.123456Z");
        assertEquals(day, skylogin.clock().freeze(day));
        assertEquals(day.plusMillis(1500), skylogin.clock().advance(Duration.ofMillis(1500)));
        assertEquals(day, skylogin.clock().advance(Duration.ofMillis(-1500)));
        assertEquals(day, skylogin.clock().freeze());
        assertFalse(skylogin.clock().unfreeze().isBefore(day));
        assertFalse(skylogin.clock().set(day).isBefore(day));
        assertTrue(skylogin.clock().reset().isBefore(day));
    }

    @Test
    void callsFailAsAsked(SkyloginApp skylogin) {
        String token = mint(skylogin, "alice");
        Faults faults = skylogin.faults();

        faults.drop(LOGIN);
        assertThrows(UncheckedIOException.class, () -> skylogin.logInWith(token));
        faults.truncate(LOGIN);
        assertThrows(UncheckedIOException.class, () -> skylogin.logInWith(token));
        faults.status(502, LOGIN);
        assertEquals(502, refusal(skylogin, token).status());
        faults.error("ResourceNotFound", LOGIN);
        assertEquals("ResourceNotFound", refusal(skylogin, token).name());
        faults.databaseBusy(LOGIN);
        assertEquals("UnexpectedError", refusal(skylogin, token).name());
        Fault late = faults.latency(Duration.ofMillis(1), LOGIN);
        assertEquals(1, late.callsLeft());
        skylogin.logInWith(token);

        Fault more = faults.add("drop", Faults.ANY, Map.of("calls", 3));
        assertEquals(List.of(more), faults.list());
        more.end();
        assertEquals(List.of(), faults.list());
        faults.drop(Faults.ANY);
        faults.clear();
        skylogin.logInWith(token);

        faults.rate(1, Duration.ofMinutes(1), LOGIN);
        skylogin.logInWith(token);
        assertEquals(429, refusal(skylogin, token).status());
    }

    private static RefusedException refusal(SkyloginApp skylogin, String token) {
        return assertThrows(RefusedException.class, () -> skylogin.logInWith(token));
    }

    @Test
    void whatIsNotEmulatedCanBeAnswered(SkyloginApp skylogin) {
        String action = "hello:world";
        Map<String, ?> alice = Map.of("name", "alice");
        Map<String, ?> greeting = Map.of("greeting", "hi");
        Stub hi = skylogin.stubs().answer(action, greeting, Map.of("arguments", alice, "delay", 0.001));
        skylogin.stubs().fail("push:*", "ResourceNotFound", Map.of("times", 1));
        skylogin.stubs().fail("asset:put", 4711, Map.of("message", "full"));
        skylogin.stubs().answer("nothing:here", null);
        assertEquals(alice, hi.arguments());
        assertNull(hi.times());

        assertEquals(greeting, skylogin.call(action, Map.of("args", Map.of("name", "alice", "age", 7))));
        assertNull(skylogin.call("nothing:here", Map.of()));
        assertEquals("ResourceNotFound", refusedCall(skylogin, "push:user", Map.of()).name());
        assertEquals("not_emulated", refusedCall(skylogin, "push:user", Map.of()).reason());
        assertEquals(4711, refusedCall(skylogin, "asset:put", Map.of()).code());
        refusedCall(skylogin, action, Map.of("args", Map.of("name", "bob")));

        Call call = skylogin.calls().waitFor(action, alice);
        assertEquals(Map.of("name", "alice", "age", 7L), call.arguments());
        assertEquals(200, call.status());
        assertEquals(hi.id(), call.stubId());
        assertEquals(call, skylogin.calls().waitFor(action));
        assertEquals(
                List.of("ResourceNotFound", "UndefinedOperation"),
                skylogin.calls().list("push:*").stream().map(Call::error).toList());
        assertEquals(
                List.of("push:user", action),
                skylogin.calls().unmatched().stream().map(Call::action).toList());
        String closest = skylogin.calls().unmatched().get(1).explanation();
        assertTrue(closest.contains("arguments.name is \"bob\", not \"alice\""), closest);
        AssertionError error = assertThrows(AssertionError.class, () ->
                skylogin.calls().waitFor("hello:moon", Map.of(), Duration.ZERO));
        assertTrue(error.getMessage().startsWith("in 0.0 s: "), error.getMessage());
    }

    private static RefusedException refusedCall(
            SkyloginApp skylogin, String action, Map<String, ?> payload) {
        return assertThrows(RefusedException.class, () -> skylogin.call(action, payload));
    }

    @Test
    void stubsAndCallsCanBeRemoved(SkyloginApp skylogin) {
        Stub one = skylogin.stubs().answer("hello:one", 1);
        Stub two = skylogin.stubs().answer("hello:two", 2);
        skylogin.call("hello:two", Map.of());

        one.remove();
        List<Stub> left = skylogin.stubs().list();
        assertEquals(List.of(two.id()), left.stream().map(Stub::id).toList());
        assertEquals(1, left.get(0).used());
        skylogin.stubs().clear();
        skylogin.calls().clear();
        assertEquals(List.of(), skylogin.stubs().list());
        assertEquals(List.of(), skylogin.calls().list());
    }

    @Test
    void aForgottenPasswordIsMailedToNobody(SkyloginApp skylogin) {
        String email = "alice@example.com";
        skylogin.users().add("alice", Map.of("email", email));
        skylogin.call("user:forgot-password", Map.of("args", Map.of("email", email)));

        Mail mail = skylogin.outbox().waitFor(email);
        assertEquals("reset", mail.kind());
        assertFalse(mail.used());
        skylogin.call("user:reset-password", Map.of("args", Map.of(
                "user_id", mail.userId(),
                "code", mail.code(),
                "expire_at", mail.expiresAt().getEpochSecond(),
                "new_password", "battery staple")));

        assertEquals(List.of(true), skylogin.outbox().list().stream().map(Mail::used).toList());
        AssertionError error = assertThrows(AssertionError.class, () ->
                skylogin.outbox().waitFor("bob@example.com", Duration.ZERO));
        assertEquals("no mail to bob@example.com in 0.0 s; to " + email, error.getMessage());
        skylogin.outbox().clear();
        assertEquals(List.of(), skylogin.outbox().list());
    }

    @Test
    void usersCanBeSeededAndChanged(SkyloginApp skylogin, @TempDir Path folder) throws IOException {
        Path file = folder.resolve("users.json");
        Files.writeString(file, "{\"users\": [{\"sub\": \"carol\", \"roles\": [\"editor\"]}]}");
        skylogin.seed(file);
        User alice = skylogin.users().add("alice", ALICE);
        assertEquals(ALICE, alice.profile());
        assertEquals(List.of("editor"), skylogin.users().get("carol").roles());
        assertEquals(2, skylogin.users().list().size());
        assertTrue(skylogin.users().find("eve").isEmpty());
        assertTrue(skylogin.users().find("").isEmpty());

        Instant end = skylogin.clock().now().plus(Duration.ofDays(1)).truncatedTo(ChronoUnit.MICROS);
        alice.disable("too loud", end);
        alice.setRoles("reader");
        alice.edit(Map.of("name", "Alys"));
        User changed = skylogin.users().get("alice");
        assertEquals(403, refusal(skylogin, mint(skylogin, "alice")).status());
        assertEquals(end, changed.disabledUntil());
        assertEquals("too loud", changed.disabledMessage());
        assertEquals(List.of("reader"), changed.roles());
        assertEquals("Alys", changed.profile().get("name"));

        alice.enable();
        alice.signOut();
        logIn(skylogin, "alice");
        assertEquals(
                skylogin.clock().now().getEpochSecond() / 3600,
                skylogin.users().get("alice").lastSeenAt().getEpochSecond() / 3600);
        alice.delete();
        assertThrows(NoSuchElementException.class, () -> skylogin.users().get("alice"));
        assertEquals(1, ((List<?>) skylogin.export().get("users")).size());
    }

    @Test
    void aBadSeedSaysWhatIsWrong(SkyloginApp skylogin, @TempDir Path folder) throws IOException {
        AdminException refused = assertThrows(AdminException.class, () -> skylogin.users().add(""));
        assertEquals(422, refused.status());
        assertTrue(refused.getMessage().contains("users[0].sub: is empty"), refused.getMessage());
        Path yaml = Files.writeString(folder.resolve("users.yaml"), "users:\n- sub: [1]\n");
        refused = assertThrows(AdminException.class, () -> skylogin.seed(yaml));
        assertTrue(
                refused.getMessage().contains("users.yaml:2: users[0].sub: "), refused.getMessage());
        Files.writeString(yaml, "users:\n- sub: erin\n");
        skylogin.seed(yaml);
        assertEquals("erin", skylogin.users().get("erin").sub());
    }

    @Test
    void theAppCanBeSavedAndRestored(SkyloginApp skylogin) {
        LoggedIn before = logIn(skylogin, "alice");
        skylogin.snapshot("one");
        skylogin.reset();

        skylogin.restore("one");

        assertEquals(before.userId(), logIn(skylogin, "alice").userId());
        skylogin.forget("one");
        assertThrows(AdminException.class, () -> skylogin.restore("one"));
    }

    @Test
    void theAppKnowsItsKeys(SkyloginApp skylogin) {
        assertTrue(skylogin.name().startsWith("skylogin-app-test-"));
        assertTrue(skylogin.url().toString().endsWith("/apps/" + skylogin.name() + "/"));
        assertTrue(skylogin.portal().toString().endsWith("/portal/apps/" + skylogin.name() + "/"));
        assertTrue(skylogin.secret().length() >= 32);
        String id = logIn(skylogin, "alice").userId();
        Map<String, Object> disabling = new HashMap<>(Map.of("auth_id", id, "disabled", true));
        assertThrows(RefusedException.class, () -> skylogin.call("auth:disable:set", disabling));
        disabling.put("api_key", skylogin.masterKey());
        skylogin.call("auth:disable:set", disabling);
        assertTrue(skylogin.users().get("alice").disabled());
    }
}
