package skylogin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    @Test
    void valuesAreReadAsTheyWereWritten() {
        Map<String, Object> value = new LinkedHashMap<>();
        value.put("text", "a \"b\" \\ / \b\f\n\r\t \u0001 é 日本 😀 \ud800");
        value.put("", Arrays.asList(1L, -2L, 0.5, 1e300, Long.MIN_VALUE, true, false, null));
        value.put("nested", Map.of("empty", Map.of(), "none", List.of()));

        assertEquals(value, Json.read(Json.write(value)));
    }

    @Test
    void whatIsNotJsonIsWrittenAsItsText() {
        assertEquals("\"1970-01-01T00:00:00Z\"", Json.write(Instant.EPOCH));
        assertThrows(IllegalArgumentException.class, () -> Json.write(Double.NaN));
    }

    @Test
    void spaceAndEscapesAreRead() {
        assertEquals(
                Map.of("a", List.of("/é\n", 10L, 1.5e3, 12345678901234567890.0)),
                Json.read(" {\n\"a\" : [ \"\\/\\u00e9\\n\" , 10,1.5E+3, 12345678901234567890 ]\t}\r\n"));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", " ", "{", "[", "\"", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[1 2]", "[,1]", "nul", "tru",
        "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "1 2", "-", "1e", "{a:1}", "half of an answ"
    })
    void whatIsNotJsonIsRefused(String text) {
        assertThrows(IllegalArgumentException.class, () -> Json.read(text));
    }
}
