package com.example.skylogin;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A running {@code skylogin dev}. It is stopped here only if it was started here. */
final class SkyloginServer implements AutoCloseable {
    private static final int START_SECONDS_MAX = 30;
    private static final int STOP_SECONDS_MAX = 10;
    private static final int PAUSE_MILLIS = 20;

    final URI url;
    final String apiKey;
    final String masterKey;
    final String secret;
    private final Runnable stop;

    private SkyloginServer(
            String url, String apiKey, String masterKey, String secret, Runnable stop) {
        this.url = URI.create(url);
        this.apiKey = apiKey;
        this.masterKey = masterKey;
        this.secret = secret;
        this.stop = stop;
    }

    /** Return the server of {@code skylogin exec}, or else start one. */
    static SkyloginServer find() {
        Map<String, String> variables = System.getenv();
        // Without SKYLOGIN_APP, the others are about the project's own Skygear server.
        if (variables.containsKey("SKYLOGIN_APP")) {
            return new SkyloginServer(
                    variables.get("SKYGEAR_ENDPOINT"),
                    variables.get("SKYGEAR_API_KEY"),
                    variables.get("SKYGEAR_MASTER_KEY"),
                    variables.get("CUSTOM_TOKEN_SECRET"),
                    () -> {});
        }
        try {
            return start();
        } catch (IOException error) {
            throw new UncheckedIOException("skylogin did not start", error);
        }
    }

    private static SkyloginServer start() throws IOException {
        // It ends with this process, however that ends: its standard input closes then.
        // Isolated, it takes nothing from the project's environment but SKYLOGIN_ variables.
        Process process = new ProcessBuilder(
                        "skylogin", "dev", "--isolated", "--port", "0", "--exit-with-parent")
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        JsonNode ready;
        try {
            ready = new ObjectMapper().readTree(firstLine(process));
        } catch (IOException error) {
            process.destroy();
            throw error;
        }
        return new SkyloginServer(
                ready.get("url").asText(),
                ready.get("api_key").asText(),
                ready.get("master_key").asText(),
                ready.get("custom_token_secret").asText(),
                () -> end(process));
    }

    private static String firstLine(Process process) throws IOException {
        CompletableFuture<String> line = CompletableFuture.supplyAsync(() -> {
            try {
                return process.inputReader().readLine();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        });
        try {
            String text = line.get(START_SECONDS_MAX, TimeUnit.SECONDS);
            if (text == null) {
                throw new IOException("it exited");
            }
            return text;
        } catch (ExecutionException | InterruptedException | TimeoutException error) {
            throw new IOException("it is not ready", error);
        }
    }

    private static void end(Process process) {
        try {
            process.getOutputStream().close();
            process.waitFor(STOP_SECONDS_MAX, TimeUnit.SECONDS);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    static void pause() {
        try {
            Thread.sleep(PAUSE_MILLIS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(interrupted);
        }
    }

    @Override
    public void close() {
        stop.run();
    }
}
