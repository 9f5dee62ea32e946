package com.example.auth;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * An auth server with its own users. It gives a user who signs in (HTTP Basic) a custom token,
 * which the app passes to Skygear's SDK.
 *
 * <pre>POST /custom-token   Authorization: Basic …   {"token": …}</pre>
 */
public final class AuthServer implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    // Checked for unknown users, so that a refusal takes as long as for a known one.
    private static final String UNKNOWN_USER = Passwords.hash(UUID.randomUUID().toString());

    private final Map<String, User> users;
    private final CustomTokens tokens;
    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    /** Start the server; {@code port} 0 is any free port. */
    public AuthServer(List<User> users, CustomTokens tokens, int port) throws IOException {
        this.users = users.stream().collect(Collectors.toMap(User::username, Function.identity()));
        this.tokens = tokens;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.setExecutor(threads);
        server.createContext("/custom-token", this::customToken);
        server.start();
    }

    /** Return the users of users.json. */
    public static List<User> users() throws IOException {
        try (InputStream file = AuthServer.class.getResourceAsStream("/users.json")) {
            return List.of(JSON.readValue(file, User[].class));
        }
    }

    public URI url() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdown();
    }

    private void customToken(HttpExchange exchange) throws IOException {
        if (!exchange.getRequestMethod().equals("POST")) {
            answer(exchange, 405, Map.of("error", "send a POST"));
            return;
        }
        Optional<User> user = signedIn(exchange.getRequestHeaders().getFirst("Authorization"));
        if (user.isPresent()) {
            answer(exchange, 200, Map.of("token", tokens.issue(user.get(), Instant.now())));
        } else {
            exchange.getResponseHeaders().set("WWW-Authenticate", "Basic realm=\"auth server\"");
            answer(exchange, 401, Map.of("error", "wrong user name or password"));
        }
    }

    private Optional<User> signedIn(String header) {
        String[] given = credentials(header);
        Optional<User> user = Optional.ofNullable(users.get(given[0]));
        boolean isRight = Passwords.isPassword(given[1], user.map(User::password).orElse(UNKNOWN_USER));
        return user.filter(one -> isRight);
    }

    private static String[] credentials(String header) {
        String[] nothing = {"", ""};
        if (header == null || !header.startsWith("Basic ")) {
            return nothing;
        }
        try {
            byte[] bytes = Base64.getDecoder().decode(header.substring("Basic ".length()).strip());
            String[] given = new String(bytes, StandardCharsets.UTF_8).split(":", 2);
            return given.length == 2 ? given : nothing;
        } catch (IllegalArgumentException notBase64) {
            return nothing;
        }
    }

    private static void answer(HttpExchange exchange, int status, Object body) throws IOException {
        byte[] content = JSON.writeValueAsBytes(body);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.getResponseHeaders().set("Cache-Control", "no-store");
        try (exchange) {
            exchange.sendResponseHeaders(status, content.length);
            exchange.getResponseBody().write(content);
        }
    }

    public static void main(String[] arguments) throws IOException {
        String secret = System.getenv("CUSTOM_TOKEN_SECRET");
        if (secret == null || secret.isEmpty()) {
            System.err.println("CUSTOM_TOKEN_SECRET is not set");
            System.exit(1);
        }
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "4000"));
        // The server runs until the process is killed.
        System.out.println(new AuthServer(users(), new NewCustomTokens(secret), port).url());
    }
}
