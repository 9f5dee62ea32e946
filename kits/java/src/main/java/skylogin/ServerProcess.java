package skylogin;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A {@code skylogin dev} in its own process. It stops when this process ends, however it ends,
 * because that closes its standard input.
 */
final class ServerProcess implements AutoCloseable {
    // uvx and pipx install skylogin first.
    private static final int START_SECONDS_MAX = 120;
    private static final int STOP_SECONDS_MAX = 10;

    private final Process process;
    private final CompletableFuture<Map<String, Object>> ready = new CompletableFuture<>();
    private final StringBuffer said = new StringBuffer();

    private ServerProcess(Process process) {
        this.process = process;
    }

    /** Start a server with some settings. Throws IllegalStateException with its output. */
    static ServerProcess start(Map<String, String> settings) {
        Map<String, String> environment = System.getenv();
        List<String> command = new ArrayList<>(
                program(environment.get("PATH"), environment.get("SKYLOGIN_PACKAGE")));
        // Isolated, it reads only SKYLOGIN_ variables from the project's environment.
        command.addAll(List.of("dev", "--isolated", "--port", "0", "--exit-with-parent"));
        settings.forEach((name, value) -> command.addAll(List.of("--set", name + "=" + value)));
        try {
            ServerProcess server =
                    new ServerProcess(new ProcessBuilder(command).redirectErrorStream(true).start());
            server.waitUntilReady();
            return server;
        } catch (IOException error) {
            throw new UncheckedIOException("skylogin did not start", error);
        }
    }

    /** Return the command that runs skylogin: the first of skylogin, uvx and pipx on the path. */
    static List<String> program(String path, String source) {
        if (isOn(path, "skylogin")) {
            return List.of("skylogin");
        }
        // Not by its name alone: on a package index, that may be something else.
        boolean hasSource = source != null && !source.isEmpty();
        if (hasSource && isOn(path, "uvx")) {
            return List.of("uvx", "--from", source, "skylogin");
        }
        if (hasSource && isOn(path, "pipx")) {
            return List.of("pipx", "run", "--spec", source, "skylogin");
        }
        throw new IllegalStateException("there is no skylogin to start: install it so that it is on "
                + "the PATH; or install uv or pipx, and set SKYLOGIN_PACKAGE to a wheel, a checkout "
                + "or a URL of one; or set SKYLOGIN_URL to the URL of a server that is running");
    }

    private static boolean isOn(String path, String name) {
        for (String folder : (path == null ? "" : path).split(File.pathSeparator)) {
            Path file = Path.of(folder, name);
            if (Files.isRegularFile(file) && Files.isExecutable(file)) {
                return true;
            }
        }
        return false;
    }

    /** Return the members of the ready line. */
    Map<String, Object> facts() {
        return ready.join();
    }

    private void waitUntilReady() {
        Thread reader = new Thread(this::read, "output of skylogin");
        reader.setDaemon(true);
        reader.start();
        try {
            if (ready.get(START_SECONDS_MAX, TimeUnit.SECONDS).isEmpty()) {
                throw new IllegalStateException("skylogin did not start: " + said.toString().strip());
            }
        } catch (TimeoutException error) {
            kill();
            throw new IllegalStateException(
                    "skylogin was not ready after " + START_SECONDS_MAX + " s: " + said, error);
        } catch (InterruptedException interrupted) {
            kill();
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while skylogin started", interrupted);
        } catch (ExecutionException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Read all that the server prints, because a full pipe would block it. */
    private void read() {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                Map<String, Object> facts = Json.readObject(line);
                if (ready.isDone()) {
                    System.err.println("skylogin: " + line);
                } else if (facts.containsKey("master_key")) {
                    // Another line, such as a warning about a setting.
                    System.err.print(said);
                    ready.complete(facts);
                } else {
                    said.append(line).append('\n');
                }
            }
        } catch (IOException ended) {
            said.append(ended.getMessage());
        }
        // This has no effect if the server is ready.
        ready.complete(Map.of());
    }

    @Override
    public void close() {
        try {
            process.getOutputStream().close();
            if (!process.waitFor(STOP_SECONDS_MAX, TimeUnit.SECONDS)) {
                kill();
            }
        } catch (IOException error) {
            kill();
        } catch (InterruptedException interrupted) {
            kill();
            Thread.currentThread().interrupt();
        }
    }

    private void kill() {
        // uvx and pipx run the server as a child process.
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }
}
