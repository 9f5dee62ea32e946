package com.example.auth;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;

/**
 * What the app does: get a custom token from its own auth server, and log in to Skygear with it.
 */
public final class Client {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient http = HttpClient.newHttpClient();
    private final URI authServer;
    private final URI endpoint;
    private final String apiKey;

    /** A refused request. The code is Skygear's, 0 if the auth server refused. */
    public static final class RefusedException extends RuntimeException {
        private final int status;
        private final int code;

        RefusedException(int status, String message, int code) {
            super(message);
            this.status = status;
            this.code = code;
        }

        public int status() {
            return status;
        }

        public int code() {
            return code;
        }
    }

    /** Both URLs end with a slash. */
    public Client(URI authServer, URI endpoint, String apiKey) {
        this.authServer = authServer;
        this.endpoint = endpoint;
        this.apiKey = apiKey;
    }

    /** Log in, and return Skygear's answer: user_id, profile and access_token. */
    public JsonNode logIn(String username, String password) throws IOException, InterruptedException {
        return logInWithToken(fetchCustomToken(username, password));
    }

    public String fetchCustomToken(String username, String password)
            throws IOException, InterruptedException {
        byte[] credentials = (username + ":" + password).getBytes(StandardCharsets.UTF_8);
        HttpRequest request = HttpRequest.newBuilder(authServer.resolve("custom-token"))
                .header("Authorization", "Basic " + Base64.getEncoder().encodeToString(credentials))
                .POST(BodyPublishers.noBody())
                .build();
        return send(request).get("token").asText();
    }

    public JsonNode logInWithToken(String token) throws IOException, InterruptedException {
        String body = JSON.writeValueAsString(Map.of("api_key", apiKey, "token", token));
        HttpRequest request = HttpRequest.newBuilder(endpoint.resolve("sso/custom_token/login"))
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body))
                .build();
        return send(request).get("result");
    }

    private JsonNode send(HttpRequest request) throws IOException, InterruptedException {
        HttpResponse<String> response = http.send(request, BodyHandlers.ofString());
        JsonNode answer = JSON.readTree(response.body());
        if (answer.path("error").isTextual()) {
            throw new RefusedException(response.statusCode(), answer.get("error").asText(), 0);
        }
        if (answer.has("error")) {
            JsonNode error = answer.get("error");
            String message = error.path("message").asText();
            throw new RefusedException(response.statusCode(), message, error.path("code").asInt());
        }
        return answer;
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        Map<String, String> environment = System.getenv();
        URI authServer =
                URI.create(environment.getOrDefault("AUTH_SERVER", "http://127.0.0.1:4000/"));
        URI endpoint = URI.create(environment.get("SKYGEAR_ENDPOINT"));
        Client client = new Client(authServer, endpoint, environment.get("SKYGEAR_API_KEY"));
        try {
            JsonNode user = client.logIn(arguments[0], arguments[1]);
            System.out.println(arguments[0] + " is " + user.get("user_id").asText());
        } catch (RefusedException refused) {
            System.err.println(refused.getMessage());
            System.exit(1);
        }
    }
}
