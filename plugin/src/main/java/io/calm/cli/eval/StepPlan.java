package io.calm.cli.eval;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The division of prompts into decoder steps. All models of an evaluation run the same steps.
 *
 * <p>The prompts of a group hold KV blocks at the same time. A group first runs all prefixes, then
 * the first branch of every prompt, then the second, and so on. Each branch starts at the end of
 * the prefix, so it overwrites the keys and values of the branch before it. A token sequence longer
 * than a step is cut into full steps and a rest; shorter ones share a step.
 */
final class StepPlan {
  /** Maximum number of rows of a step that computes no logits. */
  private static final int PREFIX_ROWS = 512;

  /** KV blocks of a group, unless one prompt alone needs more. Limits the memory of the group. */
  private static final int GROUP_BLOCKS = 64;

  private final int blocks;
  private final int rows;

  /**
   * A part of one prompt.
   *
   * @param prompt index of the prompt
   * @param branch index of the branch; -1 for the prefix
   * @param from index of the part's first token in the branch or prefix
   */
  record Piece(int prompt, int branch, int from, Chunk chunk) {
    /** Returns the number of rows with logits. */
    int logits() {
      return branch < 0 ? 0 : chunk.tokens().length;
    }
  }

  /** Parts of different prompts that are computed together. */
  record Step(List<Piece> pieces) {
    Step {
      pieces = List.copyOf(pieces);
    }

    /** Returns the number of rows with logits. */
    int logits() {
      return pieces.stream().mapToInt(Piece::logits).sum();
    }
  }

  /**
   * @param blocks number of KV blocks of the decoders
   * @param rows maximum number of rows of a step that computes logits
   */
  StepPlan(int blocks, int rows) {
    this.blocks = blocks;
    this.rows = rows;
  }

  /** Returns the number of KV blocks for prompts of at most {@code context} tokens. */
  static int blocksFor(int context) {
    return Math.max(GROUP_BLOCKS, Decoder.blocksFor(context));
  }

  /** Returns the steps of {@code prompts}, in the order of their groups. */
  List<Step> steps(List<ScoredPrompt> prompts) {
    List<Step> steps = new ArrayList<>();
    int from = 0;
    while (from < prompts.size()) {
      int to = from + 1;
      int used = Decoder.blocksFor(prompts.get(from).longest());
      while (to < prompts.size()) {
        used += Decoder.blocksFor(prompts.get(to).longest());
        if (used > Math.min(blocks, GROUP_BLOCKS)) {
          break;
        }
        to++;
      }
      addGroup(prompts, from, to, steps);
      from = to;
    }
    return steps;
  }

  private void addGroup(List<ScoredPrompt> prompts, int from, int to, List<Step> steps) {
    int[] firstBlock = new int[to - from];
    int branches = 0;
    for (int p = from; p < to; p++) {
      if (p + 1 < to) {
        firstBlock[p + 1 - from] =
            firstBlock[p - from] + Decoder.blocksFor(prompts.get(p).longest());
      }
      branches = Math.max(branches, prompts.get(p).branches().size());
    }
    for (int branch = -1; branch < branches; branch++) {
      Packer packer = new Packer(branch < 0 ? PREFIX_ROWS : rows, steps);
      for (int p = from; p < to; p++) {
        ScoredPrompt prompt = prompts.get(p);
        if (branch < 0) {
          packer.add(p, branch, firstBlock[p - from], 0, prompt.prefix());
        } else if (branch < prompt.branches().size()) {
          int[] tokens = prompt.branches().get(branch).inputs();
          packer.add(p, branch, firstBlock[p - from], prompt.prefix().length, tokens);
        }
      }
      packer.flush();
    }
  }

  /** Fills steps of at most {@code limit} rows. */
  private static final class Packer {
    private final int limit;
    private final List<Step> steps;
    private final List<Piece> pieces = new ArrayList<>();
    private int rows;

    Packer(int limit, List<Step> steps) {
      this.limit = limit;
      this.steps = steps;
    }

    void add(int prompt, int branch, int firstBlock, int position, int[] tokens) {
      for (int from = 0; from < tokens.length; from += limit) {
        int to = Math.min(tokens.length, from + limit);
        if (rows + to - from > limit) {
          flush();
        }
        int end = position + to;
        int[] table = IntStream.range(firstBlock, firstBlock + Decoder.blocksFor(end)).toArray();
        Wanted wanted = branch < 0 ? Wanted.NONE : Wanted.ALL;
        Chunk chunk =
            new Chunk(table, position + from, Arrays.copyOfRange(tokens, from, to), wanted);
        pieces.add(new Piece(prompt, branch, from, chunk));
        rows += to - from;
      }
    }

    void flush() {
      if (!pieces.isEmpty()) {
        steps.add(new Step(pieces));
        pieces.clear();
        rows = 0;
      }
    }
  }
}
