package io.calm.torch;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.LogitRow;
import io.calm.runtime.RotaryTable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The rows of one pass of a decoder program, in the order in which it computes them: first the
 * single tokens, by length of their sequence, then the longer pieces.
 *
 * <p>A group is what attends together: sequences with the same number of rows, whose block tables
 * are padded to the longest. Padding repeats a block of the sequence; the mask hides it.
 */
final class StepLayout {
  /** Maximum number of rows of a pass, which bounds the memory of its products. */
  static final int MAX_ROWS = 512;

  /** Maximum number of rows of a piece, which attends at once. */
  static final int MAX_PIECE = 128;

  /**
   * Maximum number of rows of a pass times heads times positions, unless it has one row. It bounds
   * the memory of attention: 8 bytes each for the places of values, kept through the pass, and a
   * few times 4 bytes for the scores of a layer.
   */
  static final long MAX_SCORES = 1L << 27;

  /**
   * Maximum number of blocks of a group of single tokens, with padding, which bounds the memory of
   * its keys and values as floats. A longer sequence is a group of its own.
   */
  static final int MAX_GROUP_BLOCKS = 256;

  /** Sequences up to this many times longer than the shortest of a group may join it. */
  private static final int PADDING = 4;

  /**
   * Consecutive tokens of a chunk.
   *
   * @param index of the chunk in the step
   * @param from index of the first token
   * @param logits for each token, the buffer of its logits if they are wanted
   */
  record Piece(int index, Chunk chunk, int from, List<Optional<LogitRow>> logits) {
    int count() {
      return logits.size();
    }

    int position() {
      return chunk.position() + from;
    }

    int blocks() {
      return Decoder.blocksFor(position() + count());
    }
  }

  private record Group(List<Piece> pieces) {
    int rows() {
      return pieces.size() * pieces.get(0).count();
    }

    int blocks() {
      return pieces.stream().mapToInt(Piece::blocks).max().orElseThrow();
    }
  }

  private final List<Group> groups = new ArrayList<>();
  private final int rows;

  StepLayout(List<Piece> pieces) {
    List<Piece> singles =
        pieces.stream()
            .filter(piece -> piece.count() == 1)
            .sorted(Comparator.comparingInt(Piece::blocks))
            .toList();
    int from = 0;
    for (int i = 1; i <= singles.size(); i++) {
      int shortest = singles.get(from).blocks();
      if (i == singles.size()
          || singles.get(i).blocks() > PADDING * shortest
          || (i - from + 1) * singles.get(i).blocks() > MAX_GROUP_BLOCKS) {
        groups.add(new Group(singles.subList(from, i)));
        from = i;
      }
    }
    pieces.stream()
        .filter(piece -> piece.count() > 1)
        .forEach(piece -> groups.add(new Group(List.of(piece))));
    this.rows = groups.stream().mapToInt(Group::rows).sum();
  }

  /** Divides a step into passes; pieces of a chunk stay in order. */
  static List<StepLayout> passes(
      List<Chunk> chunks, List<List<Optional<LogitRow>>> logits, int heads) {
    List<StepLayout> passes = new ArrayList<>();
    List<Piece> pass = new ArrayList<>();
    int rowsLeft = MAX_ROWS;
    long scoresLeft = MAX_SCORES;
    for (int c = 0; c < chunks.size(); c++) {
      Chunk chunk = chunks.get(c);
      int length = chunk.tokens().length;
      for (int from = 0; from < length; ) {
        int count = Math.min(Math.min(MAX_PIECE, rowsLeft), length - from);
        long scores = scoresPerRow(chunk.position() + from + count, heads);
        long fitting = scoresLeft / scores;
        if (fitting > 0 || pass.isEmpty()) {
          count = (int) Math.min(count, Math.max(1, fitting));
          pass.add(new Piece(c, chunk, from, logits.get(c).subList(from, from + count)));
          from += count;
          rowsLeft -= count;
          scoresLeft -= count * scores;
        }
        if (rowsLeft == 0 || fitting == 0) {
          passes.add(new StepLayout(pass));
          pass = new ArrayList<>();
          rowsLeft = MAX_ROWS;
          scoresLeft = MAX_SCORES;
        }
      }
    }
    if (!pass.isEmpty()) {
      passes.add(new StepLayout(pass));
    }
    return passes;
  }

  private static long scoresPerRow(int positions, int heads) {
    return (long) heads * Decoder.blocksFor(positions) * Decoder.BLOCK_TOKENS;
  }

  int rows() {
    return rows;
  }

  private List<Piece> pieces() {
    return groups.stream().flatMap(group -> group.pieces().stream()).toList();
  }

  /** Returns the chunk of each row. */
  int[] chunks() {
    int[] chunks = new int[rows];
    int row = 0;
    for (Piece piece : pieces()) {
      for (int i = 0; i < piece.count(); i++) {
        chunks[row++] = piece.index();
      }
    }
    return chunks;
  }

  /** Returns for each row whether its logits are wanted. */
  boolean[] withLogits() {
    boolean[] with = new boolean[rows];
    int row = 0;
    for (Piece piece : pieces()) {
      for (Optional<LogitRow> logits : piece.logits()) {
        with[row++] = logits.isPresent();
      }
    }
    return with;
  }

  /** Returns the buffers of the wanted logits, in the order of their rows. */
  List<LogitRow> wanted() {
    return pieces().stream().flatMap(p -> p.logits().stream()).flatMap(Optional::stream).toList();
  }

  /** Returns the chunks of the wanted logits. */
  List<Integer> wantedChunks() {
    List<Integer> chunks = new ArrayList<>();
    for (Piece piece : pieces()) {
      piece.logits().stream().flatMap(Optional::stream).forEach(row -> chunks.add(piece.index()));
    }
    return chunks;
  }

  /**
   * Returns the tokens, positions and KV slots of the rows, the rows whose logits are wanted, and
   * the groups' block tables.
   */
  long[] numbers() {
    List<LogitRow> wanted = wanted();
    int tables = groups.stream().mapToInt(g -> g.pieces().size() * g.blocks()).sum();
    long[] numbers = new long[3 * rows + wanted.size() + tables];
    int row = 0;
    int last = 3 * rows;
    for (Piece piece : pieces()) {
      for (int i = 0; i < piece.count(); i++, row++) {
        int position = piece.position() + i;
        long block = piece.chunk().blocks()[position / Decoder.BLOCK_TOKENS];
        numbers[row] = piece.chunk().tokens()[piece.from() + i];
        numbers[rows + row] = position;
        numbers[2 * rows + row] = block * Decoder.BLOCK_TOKENS + position % Decoder.BLOCK_TOKENS;
        if (piece.logits().get(i).isPresent()) {
          numbers[last++] = row;
        }
      }
    }
    for (Group group : groups) {
      int blocks = group.blocks();
      for (Piece piece : group.pieces()) {
        int[] table = piece.chunk().blocks();
        for (int b = 0; b < blocks; b++) {
          numbers[last++] = table[b < piece.blocks() ? b : 0];
        }
      }
    }
    return numbers;
  }

  /** Returns the number of rows, wanted rows and groups, the route, the groups' sizes, windows. */
  int[] sizes(int route, List<Integer> windows) {
    List<Integer> sizes = new ArrayList<>(List.of(rows, wanted().size(), route, groups.size()));
    for (Group group : groups) {
      sizes.addAll(List.of(group.pieces().size(), group.pieces().get(0).count(), group.blocks()));
    }
    sizes.addAll(windows);
    return sizes.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Returns the rows' cosines, then their sines, [2][rows][pairs]. */
  float[] rotary(RotaryTable table) {
    int half = rows * table.pairs();
    float[] cosines = new float[half];
    float[] sines = new float[half];
    int row = 0;
    for (Piece piece : pieces()) {
      for (int i = 0; i < piece.count(); i++) {
        table.fill(piece.position() + i, cosines, sines, row++ * table.pairs());
      }
    }
    float[] both = new float[2 * half];
    System.arraycopy(cosines, 0, both, 0, half);
    System.arraycopy(sines, 0, both, half, half);
    return both;
  }
}
