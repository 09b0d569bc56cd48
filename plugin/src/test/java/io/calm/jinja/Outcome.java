package io.calm.jinja;

import com.google.gson.JsonObject;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Map;

/**
 * The outcome of a rendering, in this engine or in Python.
 *
 * @param kind {@code text}, or {@code syntax}, {@code runtime}, {@code raised}, {@code limit} or
 *     {@code timeout} for an error
 * @param words the rendered text, or the words of {@code raise_exception}; empty for other errors
 * @param why the message of an error
 */
record Outcome(String kind, String words, String why) {
  /** The time at which {@code jinja_goldens.py} renders. */
  static final Clock CLOCK = Clock.fixed(Instant.parse("2026-11-22T09:05:07Z"), ZoneOffset.UTC);

  /** Renders a template with the engine. */
  static Outcome render(String template, Map<String, ?> variables) {
    try {
      return new Outcome("text", Template.parse(template).render(variables, CLOCK), "");
    } catch (TemplateSyntaxException e) {
      return new Outcome("syntax", "", String.valueOf(e.getMessage()));
    } catch (TemplateRuntimeException e) {
      return new Outcome("runtime", "", String.valueOf(e.getMessage()));
    } catch (TemplateRaisedException e) {
      return new Outcome("raised", String.valueOf(e.getMessage()), "");
    } catch (TemplateLimitException e) {
      return new Outcome("limit", "", String.valueOf(e.getMessage()));
    }
  }

  /** Reads an outcome that {@code jinja_goldens.py} wrote. */
  static Outcome read(JsonObject json) {
    if (json.has("text")) {
      return new Outcome("text", json.get("text").getAsString(), "");
    }
    String why = json.has("why") ? json.get("why").getAsString() : "";
    String words = json.has("message") ? json.get("message").getAsString() : "";
    return new Outcome(json.get("error").getAsString(), words, why);
  }

  boolean isText() {
    return kind.equals("text");
  }

  /**
   * Tells whether Python gives this outcome every time: no address, no time limit, no fault of its
   * own.
   */
  boolean isRepeatable() {
    // Jinja2 writes the constants nan and inf into the Python code it compiles, as unknown names.
    return !kind.equals("timeout")
        && !words.contains(" at 0x")
        && !why.matches("NameError: name '(nan|inf)' is not defined");
  }

  boolean sameAs(Outcome other) {
    return kind.equals(other.kind) && words.equals(other.words);
  }

  /** Describes where two outcomes part: the kinds, or the first characters that differ. */
  static String difference(Outcome expected, Outcome got) {
    if (!expected.kind.equals(got.kind) || !expected.isText()) {
      return "expected %s, got %s".formatted(expected.shown(), got.shown());
    }
    String want = expected.words;
    String have = got.words;
    int at = 0;
    while (at < Math.min(want.length(), have.length()) && want.charAt(at) == have.charAt(at)) {
      at++;
    }
    return "character %d: expected %s, got %s".formatted(at, around(want, at), around(have, at));
  }

  private String shown() {
    return kind + " " + around(words, 0) + (why.isEmpty() ? "" : " (" + why + ")");
  }

  private static String around(String text, int at) {
    int start = Math.max(0, at - 30);
    return JsonVariables.quoted(text.substring(start, Math.min(text.length(), at + 60)));
  }
}
