package io.calm.loadtest.trial;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * A server that takes part in a load test.
 *
 * @param label name in the summary
 * @param url base URL, without a path
 * @param model name of the model; empty if the server has one model
 */
record Contender(String label, URI url, String model) {

  /**
   * Reads {@code [LABEL=]URL[#MODEL]}. The default label is the model, or the URL's authority.
   *
   * @throws IllegalArgumentException if it has another form
   */
  static Contender of(String text) {
    int scheme = text.indexOf("://");
    int equals = text.indexOf('=');
    boolean labelled = equals >= 0 && equals < scheme;
    String address = labelled ? text.substring(equals + 1) : text;
    try {
      URI uri = new URI(address);
      String kind = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
      if (!Set.of("http", "https").contains(kind) || uri.getHost() == null) {
        throw unusable(text);
      }
      String model = Optional.ofNullable(uri.getFragment()).orElse("");
      String label =
          labelled ? text.substring(0, equals) : model.isEmpty() ? uri.getAuthority() : model;
      if (label.isBlank()) {
        throw unusable(text);
      }
      return new Contender(label, new URI(kind, uri.getAuthority(), null, null, null), model);
    } catch (URISyntaxException e) {
      throw unusable(text);
    }
  }

  private static IllegalArgumentException unusable(String text) {
    return new IllegalArgumentException(
        ("URL: expected [LABEL=]http://HOST:PORT[#MODEL], e.g. calm=http://127.0.0.1:8080#llama,"
                + " got %s")
            .formatted(text));
  }

  /** Returns the label as part of a file name. */
  String directory() {
    return label.replaceAll("[^A-Za-z0-9._-]", "_");
  }
}
