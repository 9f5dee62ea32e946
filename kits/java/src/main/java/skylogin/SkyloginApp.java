package skylogin;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * One app of a server, as a test sees it. Each app has its own users, login attempts, clock and faults.
 *
 * <p>Values of JSON are maps, lists, texts, numbers (long, or else double), booleans and null. The
 * server is asked each time, so nothing is ever stale. It can be used in any thread.
 */
public final class SkyloginApp {
    private static final String LOGIN = "sso:custom_token:login";
    private static final int OK = 200;

    private final URI server;
    private final Http http;
    private final String name;
    private final String path;
    private final Map<String, Object> facts;

    SkyloginApp(URI server, Http http, String name) {
        this.server = server;
        this.http = http;
        this.name = name;
        path = "apps/" + Http.quoted(name);
        // This request creates an app that does not exist.
        clock().now();
        facts = Json.object(http.ask("GET", path, null));
    }

    public String name() {
        return name;
    }

    /** Return the endpoint for Skygear's SDKs. It ends with a slash. */
    public URI url() {
        return server.resolve(facts.get("path").toString());
    }

    /** Return the URL of the app in the portal. */
    public URI portal() {
        return server.resolve("portal/apps/" + name + "/");
    }

    /** Return the API key for clients. */
    public String apiKey() {
        return facts.get("api_key").toString();
    }

    public String masterKey() {
        return facts.get("master_key").toString();
    }

    /** Return the secret that signs custom tokens: your server's CUSTOM_TOKEN_SECRET. */
    public String secret() {
        List<Map<String, Object>> secrets = Json.objects(get("secrets").get("secrets"));
        Object id = secrets.stream()
                .filter(one -> Boolean.TRUE.equals(one.get("accepted")))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("the app accepts no secret"))
                .get("id");
        return get("secrets/" + id).get("secret").toString();
    }

    /** Return a custom token that is valid for an hour by the app's clock. */
    public String mint(String sub) {
        return token(sub).mint();
    }

    public String mint(String sub, Map<String, ?> profile) {
        return token(sub).profile(profile).mint();
    }

    /** Return a bad token, which is refused for one reason. */
    public String mint(BadToken bad, String sub) {
        return token(sub).bad(bad).mint();
    }

    /** Build a token with other claims: {@code token("alice").expiresIn(…).mint()}. */
    public CustomToken token(String sub) {
        return new CustomToken(this, sub);
    }

    /** Log in with a new token. Throws RefusedException. */
    public LoggedIn logIn(String sub) {
        return logInWith(mint(sub));
    }

    public LoggedIn logIn(String sub, Map<String, ?> profile) {
        return logInWith(mint(sub, profile));
    }

    /** Log in with a token. Throws RefusedException. */
    public LoggedIn logInWith(String token) {
        return LoggedIn.read(Json.object(call(LOGIN, Map.of("token", token))));
    }

    /**
     * Return the result of any action, called as a client would with the API key. For a user, the
     * payload has an {@code access_token}. Throws RefusedException, and UncheckedIOException if the
     * answer is missing or incomplete.
     */
    public Object call(String action, Map<String, ?> payload) {
        Map<String, Object> body = new HashMap<>(Map.of("api_key", apiKey()));
        body.putAll(payload);
        body.put("action", action);
        HttpResponse<String> answer = Http.post(url(), body);
        Map<String, Object> members = Json.readObject(answer.body());
        if (answer.statusCode() != OK) {
            String reason = answer.headers().firstValue("X-Skylogin-Reason").orElse("");
            Map<String, Object> error = Json.object(members.get("error"));
            throw new RefusedException(answer.statusCode(), error, reason);
        }
        return members.get("result");
    }

    public Users users() {
        return new Users(this);
    }

    public Logins logins() {
        return new Logins(this);
    }

    public AppClock clock() {
        return new AppClock(this);
    }

    public Faults faults() {
        return new Faults(this);
    }

    public Stubs stubs() {
        return new Stubs(this);
    }

    public Calls calls() {
        return new Calls(this);
    }

    public Outbox outbox() {
        return new Outbox(this);
    }

    /** Add users: {@code Map.of("users", List.of(Map.of("sub", "alice")))}. */
    public void seed(Map<String, ?> seed) {
        admin("POST", "seed", seed);
    }

    /** Add the users and stubs of a seed in YAML or JSON. */
    public void seed(Path file) {
        try {
            seed(Map.of("file", file.toString(), "text", Files.readString(file)));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Return the users as a seed. */
    public Map<String, Object> export() {
        return get("seed");
    }

    /** Save the app with its clock under a name. A reset keeps it. */
    public void snapshot(String snapshot) {
        admin("POST", "snapshots", Map.of("name", snapshot));
    }

    /** Restore the app as it was saved. Faults end. */
    public void restore(String snapshot) {
        admin("POST", "snapshots/" + Http.quoted(snapshot) + "/restore", null);
    }

    /** Delete what was saved. An app can have at most 20 snapshots. */
    public void forget(String snapshot) {
        admin("DELETE", "snapshots/" + Http.quoted(snapshot), null);
    }

    /** Remove everything but the keys, the secret and the snapshots. */
    public void reset() {
        admin("POST", "reset", null);
    }

    /** Do the same, and add the users, roles and stubs of skylogin.yaml, as before each test. */
    public void resetToProject() {
        admin("POST", "reset", Map.of("project", true));
    }

    /** Delete the app. */
    public void delete() {
        http.ask("DELETE", path, null);
    }

    /**
     * Ask the admin API for anything else about this app, as {@code /_admin/v1/openapi.json}
     * describes it. Throws AdminException.
     */
    public Object admin(String method, String below, Object body) {
        return http.ask(method, path + "/" + below, body);
    }

    Map<String, Object> get(String below) {
        return Json.object(admin("GET", below, null));
    }

    @Override
    public String toString() {
        return "SkyloginApp " + name + " at " + server;
    }
}
