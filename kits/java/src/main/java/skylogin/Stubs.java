package skylogin;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Answers to actions that skylogin does not emulate, such as cloud functions. The action
 * {@code push:*} stands for every action that begins with {@code push:}. Options are those of docs/controls.md, such as
 * {@code Map.of("arguments", Map.of("name", "alice"), "times", 1, "delay", 0.5)}.
 */
public final class Stubs {
    private final SkyloginApp app;

    Stubs(SkyloginApp app) {
        this.app = app;
    }

    /** Answer calls with a result, any JSON. */
    public Stub answer(String action, Object result) {
        return answer(action, result, Map.of());
    }

    public Stub answer(String action, Object result, Map<String, ?> options) {
        return add(action, "result", result, options);
    }

    /** Answer calls with an error of Skygear, such as {@code ResourceNotFound}. */
    public Stub fail(String action, String error) {
        return fail(action, error, Map.of());
    }

    /** Answer calls with an error, which may have a {@code message} and {@code info}. */
    public Stub fail(String action, String error, Map<String, ?> options) {
        return add(action, "error", error, options);
    }

    /** Answer calls with an error by its code, which may be a function's own. */
    public Stub fail(String action, int code, Map<String, ?> options) {
        return add(action, "error", code, options);
    }

    public List<Stub> list() {
        return Json.objects(app.get("stubs").get("stubs")).stream()
                .map(row -> Stub.read(app, row))
                .toList();
    }

    /** Remove all stubs. */
    public void clear() {
        app.admin("DELETE", "stubs", null);
    }

    private Stub add(String action, String kind, Object answer, Map<String, ?> options) {
        Map<String, Object> body = new HashMap<>(options);
        body.put("action", action);
        body.put(kind, answer);
        return Stub.read(app, Json.object(app.admin("POST", "stubs", body)));
    }
}
