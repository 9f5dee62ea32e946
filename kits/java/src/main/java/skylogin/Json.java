package skylogin;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;

/**
 * JSON to and from maps, lists, texts, numbers (long, or else double), booleans and null.
 *
 * <p>The JDK has no JSON, and a library here could be another version than the project's own.
 */
final class Json {
    private final String text;
    private int position;

    private Json(String text) {
        this.text = text;
    }

    /** Return the value in a text. Throws IllegalArgumentException if it is not JSON. */
    static Object read(String text) {
        Json json = new Json(text);
        Object value = json.value();
        json.skipSpace();
        if (json.position != text.length()) {
            throw json.unexpected();
        }
        return value;
    }

    /** Return the members of the object in a text, or none if it is something else. */
    static Map<String, Object> readObject(String text) {
        try {
            return object(read(text));
        } catch (IllegalArgumentException error) {
            return Map.of();
        }
    }

    /** Return a value as the members of an object, or none if it is something else. */
    static Map<String, Object> object(Object value) {
        Map<String, Object> members = new LinkedHashMap<>();
        if (value instanceof Map<?, ?> map) {
            map.forEach((name, member) -> members.put(String.valueOf(name), member));
        }
        return Collections.unmodifiableMap(members);
    }

    /** Return a value as the objects of a list, or none if it is something else. */
    static List<Map<String, Object>> objects(Object value) {
        return value instanceof List<?> list ? list.stream().map(Json::object).toList() : List.of();
    }

    /** Return a value as the texts of a list, or none if it is something else. */
    static List<String> texts(Object value) {
        return value instanceof List<?> list ? list.stream().map(String::valueOf).toList() : List.of();
    }

    /** Return a number as an integer, null as null. */
    static Integer integer(Object value) {
        return value == null ? null : ((Number) value).intValue();
    }

    static String write(Object value) {
        if (value == null || value instanceof Boolean) {
            return String.valueOf(value);
        }
        if (value instanceof Number number) {
            if (!Double.isFinite(number.doubleValue())) {
                throw new IllegalArgumentException("JSON has no " + number);
            }
            return number.toString();
        }
        if (value instanceof Map<?, ?> map) {
            StringJoiner members = new StringJoiner(",", "{", "}");
            map.forEach((name, member) ->
                    members.add(quoted(String.valueOf(name)) + ":" + write(member)));
            return members.toString();
        }
        if (value instanceof Iterable<?> list) {
            StringJoiner items = new StringJoiner(",", "[", "]");
            list.forEach(item -> items.add(write(item)));
            return items.toString();
        }
        // Such as an Instant, whose text is what the server expects.
        return quoted(value.toString());
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char one : text.toCharArray()) {
            // A lone surrogate cannot be sent as UTF-8, so those are escaped as well.
            if (one < ' ' || one == '"' || one == '\\' || Character.isSurrogate(one)) {
                quoted.append(String.format("\\u%04x", (int) one));
            } else {
                quoted.append(one);
            }
        }
        return quoted.append('"').toString();
    }

    private Object value() {
        skipSpace();
        return switch (next()) {
            case '{' -> members();
            case '[' -> items();
            case '"' -> characters();
            case 't' -> word("true", true);
            case 'f' -> word("false", false);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Map<String, Object> members() {
        Map<String, Object> members = new LinkedHashMap<>();
        position++;
        for (boolean first = true; !ends('}', first); first = false) {
            skipSpace();
            if (next() != '"') {
                throw unexpected();
            }
            String name = characters();
            skipSpace();
            expect(':');
            members.put(name, value());
        }
        return Collections.unmodifiableMap(members);
    }

    private List<Object> items() {
        List<Object> items = new ArrayList<>();
        position++;
        for (boolean first = true; !ends(']', first); first = false) {
            items.add(value());
        }
        return Collections.unmodifiableList(items);
    }

    /** Return whether an object or array ends here; if not, skip the comma before its next part. */
    private boolean ends(char end, boolean first) {
        skipSpace();
        if (next() == end) {
            position++;
            return true;
        }
        if (!first) {
            expect(',');
        }
        return false;
    }

    private String characters() {
        StringBuilder characters = new StringBuilder();
        position++;
        while (next() != '"') {
            char one = text.charAt(position++);
            characters.append(one == '\\' ? escaped() : one);
        }
        position++;
        return characters.toString();
    }

    private char escaped() {
        char kind = next();
        position++;
        return switch (kind) {
            case '"', '\\', '/' -> kind;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> {
                int end = Math.min(position + 4, text.length());
                String code = text.substring(position, end);
                position = end;
                yield (char) Integer.parseInt(code, 16);
            }
            default -> throw unexpected();
        };
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, position)) {
            throw unexpected();
        }
        position += word.length();
        return value;
    }

    private Object number() {
        int begin = position;
        while (position < text.length() && "+-.0123456789Ee".indexOf(text.charAt(position)) >= 0) {
            position++;
        }
        String number = text.substring(begin, position);
        if (number.isEmpty()) {
            throw unexpected();
        }
        try {
            return Long.valueOf(number);
        } catch (NumberFormatException error) {
            return Double.valueOf(number);
        }
    }

    private char next() {
        if (position >= text.length()) {
            throw unexpected();
        }
        return text.charAt(position);
    }

    private void expect(char wanted) {
        if (next() != wanted) {
            throw unexpected();
        }
        position++;
    }

    private void skipSpace() {
        while (position < text.length() && " \t\r\n".indexOf(text.charAt(position)) >= 0) {
            position++;
        }
    }

    private IllegalArgumentException unexpected() {
        return new IllegalArgumentException("not JSON at character " + position + ": " + text);
    }
}
