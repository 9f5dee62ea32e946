package skylogin;

import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;

/** The mails and codes that the app would have sent to its users, the oldest first. */
public final class Outbox {
    private final SkyloginApp app;

    Outbox(SkyloginApp app) {
        this.app = app;
    }

    public List<Mail> list() {
        return Json.objects(app.get("outbox").get("mails")).stream().map(Mail::read).toList();
    }

    /** Return the latest mail to an address, past or within five seconds. */
    public Mail waitFor(String to) {
        return waitFor(to, Logins.WAIT);
    }

    /** Return the latest mail to an address, past or within a time. Throws AssertionError. */
    public Mail waitFor(String to, Duration max) {
        long deadline = System.nanoTime() + max.toNanos();
        while (true) {
            List<Mail> mails = list();
            List<Mail> found = mails.stream().filter(mail -> mail.to().equals(to)).toList();
            if (!found.isEmpty()) {
                return found.get(found.size() - 1);
            }
            if (System.nanoTime() >= deadline) {
                throw new AssertionError("no mail to " + to + " in " + max.toMillis() / 1000.0
                        + " s; to " + addressees(mails));
            }
            Logins.pause();
        }
    }

    /** Delete the mails. Their codes become invalid. */
    public void clear() {
        app.admin("DELETE", "outbox", null);
    }

    private static String addressees(List<Mail> mails) {
        return mails.isEmpty()
                ? "nobody"
                : mails.stream().map(Mail::to).collect(Collectors.joining(", "));
    }
}
