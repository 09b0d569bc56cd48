package io.calm.serving.reply;

import io.calm.generate.SamplingParameters;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A client's validated request.
 *
 * @param prompts at least one
 * @param choices answers for each prompt; choice {@code i} has the seed plus {@code i}
 * @param endOfSequence token ids that end an answer
 * @param showSpecial whether special tokens are part of the text
 * @param promptScores see {@link io.calm.generate.GenerationRequest#promptScores}
 * @param format writes the answer
 */
public record TextRequest(
    List<Prompt> prompts,
    int choices,
    SamplingParameters parameters,
    Set<Integer> endOfSequence,
    boolean showSpecial,
    OptionalInt promptScores,
    ReplyFormat format) {

  public TextRequest {
    prompts = List.copyOf(prompts);
    endOfSequence = Set.copyOf(endOfSequence);
  }
}
