package io.calm.serving.reply;

import io.calm.generate.SamplingParameters;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A client's validated request.
 *
 * @param prompts at least one
 * @param choices answers for each prompt
 * @param seeded whether the client gave the seed: choice {@code i} of each prompt then has the seed
 *     plus {@code i}. Otherwise all answers have different seeds, so that equal prompts are sampled
 *     independently.
 * @param endOfSequence token ids that end an answer
 * @param showSpecial whether special tokens are part of the text
 * @param promptScores see {@link io.calm.generate.GenerationRequest#promptScores}
 * @param format writes the answer
 */
public record TextRequest(
    List<Prompt> prompts,
    int choices,
    SamplingParameters parameters,
    boolean seeded,
    Set<Integer> endOfSequence,
    boolean showSpecial,
    OptionalInt promptScores,
    ReplyFormat format) {

  public TextRequest {
    prompts = List.copyOf(prompts);
    endOfSequence = Set.copyOf(endOfSequence);
  }
}
