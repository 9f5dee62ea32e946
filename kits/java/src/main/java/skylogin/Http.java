package skylogin;

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
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Sends requests to a server and its admin API, never through a proxy. */
final class Http {
    private static final Duration CONNECT_MAX = Duration.ofSeconds(10);
    // Longer than any call takes at the server.
    private static final Duration ANSWER_MAX = Duration.ofSeconds(90);
    private static final int REFUSED = 300;
    private static final HttpClient CLIENT = HttpClient.newBuilder()
            .proxy(HttpClient.Builder.NO_PROXY)
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT_MAX)
            .build();

    private final URI admin;
    private final String token;

    Http(URI server, String token) {
        admin = server.resolve("_admin/v1/");
        this.token = token;
    }

    /** Return what the admin API answers, null if that is nothing. Throws AdminException. */
    Object ask(String method, String path, Object body) {
        HttpRequest.Builder request = HttpRequest.newBuilder(admin.resolve(path))
                .header("Authorization", "Bearer " + token);
        HttpResponse<String> answer = send(request, method, body);
        if (answer.statusCode() >= REFUSED) {
            throw refused(answer);
        }
        return answer.body().isEmpty() ? null : Json.read(answer.body());
    }

    private static AdminException refused(HttpResponse<String> answer) {
        Map<String, Object> problem = Json.readObject(answer.body());
        String text = String.valueOf(problem.getOrDefault("detail", answer.body()));
        List<String> errors = Json.texts(problem.get("errors"));
        if (!errors.isEmpty()) {
            text += "; " + String.join("; ", errors);
        }
        return new AdminException(answer.statusCode(), answer.statusCode() + ": " + text);
    }

    /** Post JSON as a client would. Throws UncheckedIOException without a complete answer. */
    static HttpResponse<String> post(URI url, Object body) {
        return send(HttpRequest.newBuilder(url), "POST", body);
    }

    private static HttpResponse<String> send(
            HttpRequest.Builder request, String method, Object body) {
        if (body != null) {
            request.header("Content-Type", "application/json");
        }
        request.method(method, body == null
                ? BodyPublishers.noBody()
                : BodyPublishers.ofString(Json.write(body)));
        try {
            return CLIENT.send(request.timeout(ANSWER_MAX).build(), BodyHandlers.ofString());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for skylogin", interrupted);
        }
    }

    /** Return a query string of some values, without those that are null. */
    static String query(Map<String, ?> values) {
        return values.entrySet().stream()
                .filter(one -> one.getValue() != null)
                .map(one -> one.getKey() + "=" + quoted(one.getValue().toString()))
                .collect(Collectors.joining("&", "?", ""));
    }

    /** Return a text as a part of a path or a query. */
    static String quoted(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }
}
