package com.example.skylogin;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** One app of a skylogin server, as a test sees it: tokens, logins, clock and login log. */
public final class Skylogin {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP =
            HttpClient.newBuilder().proxy(HttpClient.Builder.NO_PROXY).build();
    private static final Duration LOGIN_MAX = Duration.ofSeconds(10);

    private final SkyloginServer server;
    private final URI endpoint;
    private final URI admin;

    Skylogin(SkyloginServer server, String app) {
        this.server = server;
        endpoint = server.url.resolve("apps/" + app + "/");
        admin = server.url.resolve("_admin/v1/apps/" + app + "/");
    }

    /** A refused call, with Skygear's name, message and code. */
    public static final class RefusedException extends RuntimeException {
        private final int code;

        RefusedException(JsonNode error) {
            super(error.get("name").asText() + ": " + error.get("message").asText());
            code = error.get("code").asInt();
        }

        public int code() {
            return code;
        }
    }

    /** Return the endpoint for an SDK. It ends with a slash. */
    public URI endpoint() {
        return endpoint;
    }

    public String apiKey() {
        return server.apiKey;
    }

    /** Return the secret that signs custom tokens. */
    public String secret() {
        return server.secret;
    }

    /** Return a custom token that is valid for an hour by the app's clock. */
    public String mint(String subject) {
        return mint(subject, Map.of());
    }

    /** Return a custom token. Options: skyprofile, expires_in, claims, bad (a kind of bad token). */
    public String mint(String subject, Map<String, Object> options) {
        Map<String, Object> body = new HashMap<>(options);
        body.put("sub", subject);
        return admin("POST", "tokens", body).get("token").asText();
    }

    /** Log in, and return Skygear's answer: user_id, profile and access_token. */
    public JsonNode logIn(String subject) {
        return logInWithToken(mint(subject));
    }

    public JsonNode logInWithToken(String token) {
        return call("sso:custom_token:login", Map.of("token", token));
    }

    /** Return the result of any action. */
    public JsonNode call(String action, Map<String, Object> payload) {
        Map<String, Object> body = new HashMap<>(payload);
        body.put("action", action);
        body.put("api_key", server.apiKey);
        JsonNode answer = read(send("POST", endpoint, body).body());
        if (answer.has("error")) {
            throw new RefusedException(answer.get("error"));
        }
        return answer.get("result");
    }

    /** Return the app's time. */
    public Instant now() {
        return Instant.parse(admin("GET", "clock", null).get("now").asText());
    }

    /** Advance the clock; a negative duration moves it back. */
    public void advance(Duration by) {
        admin("POST", "clock/advance", Map.of("seconds", by.toMillis() / 1000.0));
    }

    /** Stop the clock. */
    public void freeze() {
        admin("PUT", "clock", Map.of("frozen", true));
    }

    /** Stop the clock at a time. */
    public void freeze(Instant at) {
        admin("PUT", "clock", Map.of("frozen", true, "now", at.toString()));
    }

    /** Let the clock continue from the time it shows. */
    public void unfreeze() {
        admin("PUT", "clock", Map.of("frozen", false));
    }

    /** Reset the users, login log and clock of this app. */
    public void reset() {
        admin("POST", "reset", null);
    }

    /**
     * Return the newest login attempt that matches, and wait for it if necessary. The filters are
     * subject, reason and accepted.
     */
    public JsonNode waitForLogin(Map<String, Object> filters) {
        String query = filters.entrySet().stream()
                .map(one -> one.getKey() + "=" + encode(one.getValue().toString()))
                .collect(Collectors.joining("&", "?limit=1&", ""));
        Instant deadline = Instant.now().plus(LOGIN_MAX);
        while (Instant.now().isBefore(deadline)) {
            JsonNode attempts = admin("GET", "logins" + query, null).get("attempts");
            if (!attempts.isEmpty()) {
                return attempts.get(0);
            }
            SkyloginServer.pause();
        }
        throw new AssertionError("no login attempt with " + filters + " in " + LOGIN_MAX);
    }

    /** Ask the admin API for anything else; see /_admin/v1/openapi.json. */
    public JsonNode admin(String method, String path, Object body) {
        HttpResponse<String> response = send(method, admin.resolve(path), body);
        if (response.statusCode() >= 300) {
            throw new IllegalStateException(
                    method + " " + path + ": " + response.statusCode() + " " + response.body());
        }
        return read(response.body());
    }

    private HttpResponse<String> send(String method, URI url, Object body) {
        try {
            HttpRequest request = HttpRequest.newBuilder(url)
                    .header("Content-Type", "application/json")
                    .header("Authorization", "Bearer " + server.masterKey)
                    .method(method, BodyPublishers.ofString(body == null ? "" : write(body)))
                    .build();
            return HTTP.send(request, BodyHandlers.ofString());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(interrupted);
        }
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static String write(Object value) throws IOException {
        return JSON.writeValueAsString(value);
    }

    private static JsonNode read(String text) {
        try {
            return JSON.readTree(text);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
