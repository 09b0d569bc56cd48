package io.calm.generate;

import io.calm.testing.LogitRows;
import java.util.ArrayList;
import java.util.List;

/** A request answered alone, a token at a time, with the whole text looked at again each time. */
record NaiveGeneration(List<Integer> tokens, String text, Finish.Reason reason) {

  static NaiveGeneration of(GenerationRequest request) {
    SamplingParameters parameters = request.parameters();
    List<Integer> all = new ArrayList<>();
    for (int token : request.prompt()) {
      all.add(token);
    }
    List<Integer> tokens = new ArrayList<>();
    Sampler sampler = new Sampler(parameters);
    TokenHistory history = new TokenHistory(parameters, request.prompt(), request.endOfSequence());
    StringBuilder text = new StringBuilder();
    while (tokens.size() < parameters.maxNewTokens()) {
      int token = sampler.choose(history.penalized(LogitRows.of(HashDecoder.logits(all))));
      history.add(token);
      all.add(token);
      tokens.add(token);
      if (request.endOfSequence().contains(token)) {
        return ended(parameters, tokens, text.toString(), Letters.ended(token));
      }
      text.append(Letters.of(token));
      for (String stop : parameters.stops()) {
        int at = text.indexOf(stop);
        if (at >= 0) {
          return new NaiveGeneration(tokens, text.substring(0, at), Finish.Reason.STOP_SEQUENCE);
        }
      }
    }
    return new NaiveGeneration(tokens, text.toString(), Finish.Reason.LENGTH);
  }

  /** Returns an answer with an end token, which belongs to it only as a stop string. */
  private static NaiveGeneration ended(
      SamplingParameters parameters, List<Integer> tokens, String text, String ending) {
    return parameters.stops().contains(ending)
        ? new NaiveGeneration(
            tokens, parameters.includeStop() ? text + ending : text, Finish.Reason.STOP_SEQUENCE)
        : new NaiveGeneration(tokens, text, Finish.Reason.EOS_TOKEN);
  }
}
