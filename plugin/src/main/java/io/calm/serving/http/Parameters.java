package io.calm.serving.http;

import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.RequestFields;
import io.calm.text.Printable;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.Optional;
import java.util.Set;

/** The parameters of a management request, from its query or from its JSON body. */
sealed interface Parameters {

  /** Returns the names of all parameters. */
  Set<String> names();

  /** Returns a text, which may be empty. */
  Optional<String> given(String key);

  /** Returns a whole number. */
  Optional<Long> whole(String key);

  /** Returns a boolean. */
  Optional<Boolean> flag(String key);

  /** Returns the value of a setting as text. */
  Optional<String> setting(String key);

  /** Returns a text. As in DJL Serving, an empty one counts as absent. */
  default Optional<String> text(String key) {
    return given(key).filter(value -> !value.isEmpty());
  }

  /** Parameters of a query, which are all texts. The first of several values counts. */
  record OfQuery(QueryStringDecoder query) implements Parameters {

    @Override
    public Set<String> names() {
      return Query.parameters(query).keySet();
    }

    @Override
    public Optional<String> given(String key) {
      return Query.first(query, key);
    }

    @Override
    public Optional<Long> whole(String key) {
      return text(key)
          .map(
              text -> {
                try {
                  return Long.parseLong(text);
                } catch (NumberFormatException e) {
                  throw mismatch(key, "a whole number", text);
                }
              });
    }

    @Override
    public Optional<Boolean> flag(String key) {
      return text(key)
          .map(
              text -> {
                if (!text.equalsIgnoreCase("true") && !text.equalsIgnoreCase("false")) {
                  throw mismatch(key, "true or false", text);
                }
                return Boolean.parseBoolean(text);
              });
    }

    @Override
    public Optional<String> setting(String key) {
      return given(key);
    }

    private static ApiException mismatch(String key, String expected, String got) {
      return ApiException.invalid(
          key, "expected %s, got '%s'".formatted(expected, Printable.of(got)));
    }
  }

  /** Members of a JSON object, which have types. A member that is null counts as absent. */
  record OfBody(RequestFields fields) implements Parameters {

    @Override
    public Set<String> names() {
      return fields.json().keySet();
    }

    @Override
    public Optional<String> given(String key) {
      return fields.string(key);
    }

    @Override
    public Optional<Long> whole(String key) {
      return fields.get(key).map(value -> RequestFields.wholeNumber(key, value));
    }

    @Override
    public Optional<Boolean> flag(String key) {
      return fields.flag(key);
    }

    @Override
    public Optional<String> setting(String key) {
      return fields
          .get(key)
          .map(
              value -> {
                if (!value.isJsonPrimitive()) {
                  throw RequestFields.mismatch(
                      fields.name(key), "a string, a number, true or false", value);
                }
                return value.getAsString();
              });
    }
  }
}
