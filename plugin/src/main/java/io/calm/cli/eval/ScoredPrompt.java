package io.calm.cli.eval;

import java.util.List;

/**
 * A prefix and its continuations, each of which is scored from the end of the prefix on. A window
 * of a text is a prompt with no prefix and one branch.
 *
 * @param prefix tokens before every branch; computed once, no logits
 * @param branches at least one
 */
@SuppressWarnings("ArrayRecordComponent") // token ids, never compared
record ScoredPrompt(int[] prefix, List<Branch> branches) {

  ScoredPrompt {
    branches = List.copyOf(branches);
    if (branches.isEmpty()) {
      throw new IllegalArgumentException("prompt: expected at least one branch, got none");
    }
  }

  /**
   * Tokens to compute and the tokens that follow each of them.
   *
   * @param inputs [n], n at least 1
   * @param targets [n]; {@code targets[i]} is scored by the logits of {@code inputs[i]}
   */
  @SuppressWarnings("ArrayRecordComponent") // token ids, never compared
  record Branch(int[] inputs, int[] targets) {
    Branch {
      if (inputs.length == 0 || inputs.length != targets.length) {
        throw new IllegalArgumentException(
            "branch: expected one target for each of at least one input, got %d for %d"
                .formatted(targets.length, inputs.length));
      }
    }
  }

  /** Returns the number of tokens of the prefix and the longest branch. */
  int longest() {
    return prefix.length + branches.stream().mapToInt(b -> b.inputs().length).max().orElse(0);
  }

  /** Returns the number of tokens if every branch is computed with a prefix of its own. */
  long unshared() {
    return branches.stream().mapToLong(b -> prefix.length + (long) b.inputs().length).sum();
  }
}
