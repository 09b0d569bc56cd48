package io.calm.generate;

import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A builder of generation requests. Its defaults: greedy, no end of sequence, no prompt scores,
 * text by {@link Letters}, no deadline.
 */
final class RequestBuilder {
  private final int[] prompt;
  private SamplingParameters parameters = SamplingParameters.builder().build();
  private Set<Integer> endOfSequence = Set.of();
  private OptionalInt promptScores = OptionalInt.empty();
  private TextDecoder text = new Letters();
  private Optional<Duration> deadline = Optional.empty();

  private RequestBuilder(int[] prompt) {
    this.prompt = prompt;
  }

  static RequestBuilder prompt(int... prompt) {
    return new RequestBuilder(prompt);
  }

  RequestBuilder maxNewTokens(int count) {
    parameters = parameters.toBuilder().maxNewTokens(count).build();
    return this;
  }

  RequestBuilder parameters(SamplingParameters value) {
    parameters = value;
    return this;
  }

  RequestBuilder endOfSequence(int... ids) {
    endOfSequence = Arrays.stream(ids).boxed().collect(Collectors.toSet());
    return this;
  }

  RequestBuilder promptScores(int alternatives) {
    promptScores = OptionalInt.of(alternatives);
    return this;
  }

  RequestBuilder text(TextDecoder decoder) {
    text = decoder;
    return this;
  }

  RequestBuilder deadline(Duration value) {
    deadline = Optional.of(value);
    return this;
  }

  GenerationRequest build(GenerationListener listener) {
    return new GenerationRequest(
        prompt, parameters, endOfSequence, promptScores, text, listener, deadline);
  }
}
