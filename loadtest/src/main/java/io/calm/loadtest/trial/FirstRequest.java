package io.calm.loadtest.trial;

import io.calm.loadtest.client.Answer;
import io.calm.loadtest.client.Ask;
import io.calm.loadtest.client.Schema;
import io.calm.loadtest.client.StreamingClient;
import io.calm.loadtest.client.StreamingClient.Target;
import io.calm.loadtest.figures.Outcome;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;

/** A short request to a server before all runs. It finds a wrong address, model or API key. */
final class FirstRequest {
  private static final Ask ASK = new Ask("Hello", 4, false);
  private static final Duration TIMEOUT = Duration.ofMinutes(2);

  private FirstRequest() {}

  /**
   * Sends the request and waits for its answer.
   *
   * @param apiKey bearer token, empty for none
   * @throws IOException if the server does not answer it; the message has the reason
   */
  static void send(Contender contender, Schema schema, String apiKey) throws IOException {
    Target target = new Target(contender.url(), schema, contender.model(), apiKey, TIMEOUT);
    try (StreamingClient client = new StreamingClient(target)) {
      Answer answer = client.send(ASK, OptionalInt.empty()).join();
      Optional<String> fault = Outcome.of(answer, Optional.empty()).fault();
      if (fault.isPresent()) {
        throw new IOException(
            "%s at %s: the request before the load failed: %s"
                .formatted(contender.label(), contender.url(), fault.get()));
      }
    }
  }
}
