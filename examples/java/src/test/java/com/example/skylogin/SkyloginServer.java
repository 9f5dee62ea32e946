package com.example.skylogin;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;

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
        if (variables.containsKey("SKYGEAR_ENDPOINT")) {
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
        // In its own folder the server does not read the project's .env and database.
        Path folder = Files.createTempDirectory("skylogin-");
        Path readyFile = folder.resolve("ready.json");
        Process process = new ProcessBuilder(
                        "skylogin", "dev", "--port", "0", "--ephemeral",
                        "--ready-file", readyFile.toString())
                .directory(folder.toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(folder.resolve("log").toFile())
                .start();
        // An interrupted run leaves nothing behind either.
        Thread end = new Thread(() -> end(process, folder));
        Runtime.getRuntime().addShutdownHook(end);
        waitFor(readyFile, process, folder.resolve("log"));
        JsonNode ready = new ObjectMapper().readTree(readyFile.toFile());
        return new SkyloginServer(
                ready.get("url").asText(),
                ready.get("api_key").asText(),
                ready.get("master_key").asText(),
                ready.get("custom_token_secret").asText(),
                () -> {
                    Runtime.getRuntime().removeShutdownHook(end);
                    end.run();
                });
    }

    private static void waitFor(Path readyFile, Process process, Path log) throws IOException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS_MAX);
        // The server creates the file with its whole content.
        while (!Files.exists(readyFile)) {
            if (!process.isAlive() || System.nanoTime() > deadline) {
                throw new IOException("it is not ready: " + Files.readString(log));
            }
            pause();
        }
    }

    private static void end(Process process, Path folder) {
        process.destroy();
        try {
            process.waitFor(STOP_SECONDS_MAX, TimeUnit.SECONDS);
            Files.deleteIfExists(folder.resolve("log"));
            Files.deleteIfExists(folder.resolve("ready.json"));
            Files.deleteIfExists(folder);
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
