package io.calm.cli.eval;

import io.calm.kernels.KernelVariants;
import io.calm.kernels.SearchKernels;
import io.calm.model.BlockParameters;
import io.calm.model.WeightSource;
import io.calm.replay.HiddenStates;
import io.calm.replay.ReferenceHead;
import io.calm.replay.ReferenceModel;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.Matrix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Logits of the full-precision model, computed one block at a time on the native kernels of a
 * search, or on PyTorch without them.
 *
 * <p>{@link #prepare} runs all prompts through the blocks, so that each block is read once, and
 * keeps the final hidden states of the scored rows, [rows, D]. {@link #step} computes the logits of
 * a step's rows from them. The lm_head [V, D] is held in float32; logits exist for one step only.
 *
 * <p>Sequences of similar length run together, padded at the end, which no earlier token sees. The
 * lm_head multiplies {@value #HEAD_ROWS} rows at a time, counted from the start of a branch, so
 * that a row's bits do not depend on the size of steps that are multiples of it.
 */
public final class ReferenceLogits implements LogitSource {
  /** Rows of one product with the lm_head. */
  static final int HEAD_ROWS = 64;

  /** Maximum bytes of the hidden states of prepared prompts. */
  private static final long STATE_BYTES = 128L << 20;

  /** Lengths that are equal after rounding up to a multiple of this run together. */
  private static final int LENGTH_STEP = 16;

  private final TorchRuntime torch;
  private final WeightSource weights;
  private final ReferenceModel model;
  private final Consumer<String> progress;
  private final List<Matrix> stepLogits = new ArrayList<>();
  private List<int[]> firstRows = List.of(); // [prompts][branches]
  private @Nullable Matrix states; // [rows, D]
  private @Nullable ReferenceHead head;

  /** Creates the logits of {@code weights} with the best kernels of this machine. */
  public ReferenceLogits(WeightSource weights, int threads) {
    this(weights, threads, KernelVariants.ofThisMachine().searchKernels(), activity -> {});
  }

  /**
   * @param progress receives the current activity, e.g. {@code block 3 of 30}
   */
  public ReferenceLogits(
      WeightSource weights, int threads, SearchKernels kernels, Consumer<String> progress) {
    this.torch = TorchRuntime.open(threads, kernels);
    this.weights = weights;
    this.model = new ReferenceModel(torch, weights);
    this.progress = progress;
  }

  /** A branch with its prefix, in one sequence. */
  @SuppressWarnings("ArrayRecordComponent") // token ids, never compared
  private record Sequence(int prompt, int branch, int[] tokens, int scoredFrom) {}

  @Override
  public int vocabulary() {
    return weights.spec().vocabulary();
  }

  @Override
  public int blocks() {
    return StepPlan.blocksFor(weights.spec().maxContext());
  }

  @Override
  public long preparedTokens() {
    return STATE_BYTES / (4L * weights.spec().hidden());
  }

  @Override
  public void prepare(List<ScoredPrompt> prompts) {
    freeStates();
    Map<Integer, List<Sequence>> byLength = new TreeMap<>();
    List<int[]> first = new ArrayList<>();
    int scored = 0;
    for (int p = 0; p < prompts.size(); p++) {
      ScoredPrompt prompt = prompts.get(p);
      requireContext(prompt.longest());
      int[] rows = new int[prompt.branches().size()];
      for (int b = 0; b < rows.length; b++) {
        Sequence sequence = sequence(prompt, p, b);
        rows[b] = scored;
        scored += prompt.branches().get(b).inputs().length;
        int length = (sequence.tokens().length + LENGTH_STEP - 1) / LENGTH_STEP;
        byLength.computeIfAbsent(length, key -> new ArrayList<>()).add(sequence);
      }
      first.add(rows);
    }
    firstRows = first;
    Matrix kept = Matrix.allocate(scored, weights.spec().hidden());
    states = kept;
    run(List.copyOf(byLength.values()), kept);
  }

  private static Sequence sequence(ScoredPrompt prompt, int p, int b) {
    int[] tail = prompt.branches().get(b).inputs();
    int prefix = prompt.prefix().length;
    int[] tokens = Arrays.copyOf(prompt.prefix(), prefix + tail.length);
    System.arraycopy(tail, 0, tokens, prefix, tail.length);
    return new Sequence(p, b, tokens, prefix);
  }

  private void requireContext(int length) {
    int context = weights.spec().maxContext();
    if (length > context) {
      throw new IllegalArgumentException(
          "a sequence: expected at most %d tokens, the model's context, got %d; give fewer"
              .formatted(context, length));
    }
  }

  /** Runs sequences, grouped by length, through all blocks, and keeps the scored rows. */
  private void run(List<List<Sequence>> groups, Matrix kept) {
    List<HiddenStates> streams = new ArrayList<>();
    try {
      for (List<Sequence> group : groups) {
        streams.add(model.embed(padded(group)));
      }
      int layers = weights.spec().layers();
      for (int layer = 0; layer < layers; layer++) {
        progress.accept("block %d of %d".formatted(layer + 1, layers));
        BlockParameters<Matrix> block = weights.block(layer);
        for (int g = 0; g < streams.size(); g++) {
          HiddenStates before = streams.get(g);
          streams.set(g, model.block(layer, before, block));
          before.close();
        }
        block.linears().values().forEach(Matrix::close);
      }
      for (int g = 0; g < streams.size(); g++) {
        keep(groups.get(g), streams.get(g), kept);
      }
    } finally {
      streams.forEach(HiddenStates::close);
    }
  }

  private static List<int[]> padded(List<Sequence> group) {
    int length = group.stream().mapToInt(s -> s.tokens().length).max().orElse(0);
    return group.stream().map(s -> Arrays.copyOf(s.tokens(), length)).toList();
  }

  private void keep(List<Sequence> group, HiddenStates last, Matrix kept) {
    float[] row = new float[kept.columns()];
    int length = last.length();
    try (HiddenStates normalized = model.finalNorm(last);
        Matrix all = normalized.toMatrix()) {
      for (int i = 0; i < group.size(); i++) {
        Sequence sequence = group.get(i);
        int to = firstRows.get(sequence.prompt())[sequence.branch()];
        for (int t = sequence.scoredFrom(); t < sequence.tokens().length; t++) {
          all.readRow(i * length + t, row);
          kept.writeRow(to++, row);
        }
      }
    }
  }

  @Override
  public Rows step(StepPlan.Step step) {
    freeLogits();
    Matrix kept = states;
    if (kept == null) {
      throw new IllegalStateException("step: expected prepared prompts; call prepare first");
    }
    List<Matrix> matrices = new ArrayList<>(); // of each row
    List<Integer> rows = new ArrayList<>(); // in its matrix
    for (StepPlan.Piece piece : step.pieces()) {
      if (piece.logits() == 0) {
        continue;
      }
      int first = firstRows.get(piece.prompt())[piece.branch()] + piece.from();
      for (int from = 0; from < piece.logits(); from += HEAD_ROWS) {
        int to = Math.min(piece.logits(), from + HEAD_ROWS);
        Matrix logits = head().logits(kept.slice(first + from, first + to));
        stepLogits.add(logits);
        for (int i = 0; i < to - from; i++) {
          matrices.add(logits);
          rows.add(i);
        }
      }
    }
    return (index, buffer) -> {
      matrices.get(index).readRow(rows.get(index), buffer);
      return buffer;
    };
  }

  private ReferenceHead head() {
    ReferenceHead table = head;
    if (table == null) {
      table = model.head();
      head = table;
    }
    return table;
  }

  private void freeLogits() {
    stepLogits.forEach(Matrix::close);
    stepLogits.clear();
  }

  private void freeStates() {
    freeLogits();
    if (states != null) {
      states.close();
      states = null;
    }
  }

  @Override
  public void close() {
    freeStates();
    if (head != null) {
      head.close();
    }
    torch.close();
  }
}
