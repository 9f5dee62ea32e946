package skylogin;

/** A request to the admin API that the server refused. */
public final class AdminException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;

    AdminException(int status, String message) {
        super(message);
        this.status = status;
    }

    /** Return the status of the answer. */
    public int status() {
        return status;
    }
}
