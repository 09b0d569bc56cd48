package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.calm.kernels.KernelVariant;
import io.calm.kernels.NativeVariants;
import io.calm.model.ActivationMode;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.model.RopeSpec;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Logits;
import io.calm.runtime.Decoder.Wanted;
import io.calm.testing.Seeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Steps that decode many sequences or long ones, of every variant and on 1 to 3 threads, against
 * the Java decoder, which has each sequence alone and all its tokens at once, bit for bit.
 *
 * <p>How many key-value heads attend together, whether splits are computed apart, and which phase
 * rounds what they found depends on the sequences, their splits, the threads and the model's sizes;
 * so the loads are chosen on both sides of those borders, for each number of threads.
 */
class NativeDecodesTest {
  private static final int STEPS = 3;
  private static final int SPLIT = KvAttention.SPLIT;
  private static final int VOCABULARY = 61;
  private static final int BLOCKS = 120;
  private static final int[] KV_HEADS = {3, 5, 8};

  /**
   * A sequence of a load.
   *
   * @param length when the load ends
   * @param each its tokens in every step; those before are its prompt, at least one
   */
  private record Part(int length, int each) {
    static Part decode(int length) {
      return new Part(length, 1);
    }

    int prompt() {
      return length - STEPS * each;
    }
  }

  /**
   * A sequence and its blocks.
   *
   * <p>Each block of the prompt is computed as if it were the first, for it costs far less than
   * what it holds in truth and is as good to attend to: the decoder knows no sequences.
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Work(Part part, int[] tokens, int[] table) {
    List<Chunk> prompt() {
      List<Chunk> chunks = new ArrayList<>();
      for (int from = 0; from < part.prompt(); from += Decoder.BLOCK_TOKENS) {
        int to = Math.min(part.prompt(), from + Decoder.BLOCK_TOKENS);
        int[] block = {table[from / Decoder.BLOCK_TOKENS]};
        chunks.add(new Chunk(block, 0, Arrays.copyOfRange(tokens, from, to), Wanted.NONE));
      }
      return chunks;
    }

    Chunk chunk(int step) {
      return chunk(part.prompt() + step * part.each(), part.each());
    }

    Chunk chunk(int position, int count) {
      int[] blocks = Arrays.copyOf(table, Decoder.blocksFor(position + count));
      int[] next = Arrays.copyOfRange(tokens, position, position + count);
      return new Chunk(blocks, position, next, Wanted.ALL);
    }
  }

  /** The sequences decoded together. Lengths slightly over a split cross its border on the way. */
  private enum Load {
    THREE_LONG {
      @Override
      void fill(List<Part> parts, Random random) {
        parts.add(Part.decode(3 * SPLIT + 2));
        parts.add(Part.decode(620 + random.nextInt(100)));
        parts.add(Part.decode(4 * SPLIT + 1));
      }
    },
    /** Splits of two sequences, computed apart by two and three threads, heads in uneven ranges. */
    TWO_LONGER {
      @Override
      void fill(List<Part> parts, Random random) {
        parts.add(Part.decode(8 * SPLIT + 2));
        parts.add(Part.decode(5 * SPLIT + 4 + random.nextInt(100)));
      }
    },
    ONE_VERY_LONG {
      @Override
      void fill(List<Part> parts, Random random) {
        parts.add(Part.decode(10 * SPLIT + 2));
      }
    },
    SIXTEEN_SHORT {
      @Override
      void fill(List<Part> parts, Random random) {
        addShort(16, parts, random);
      }
    },
    TWENTY_SHORT {
      @Override
      void fill(List<Part> parts, Random random) {
        addShort(20, parts, random);
      }
    },
    ONE_LONG_AMONG_FIFTEEN {
      @Override
      void fill(List<Part> parts, Random random) {
        addShort(15, parts, random);
        parts.add(random.nextInt(16), Part.decode(4 * SPLIT + 2));
      }
    },
    /** As many splits as make two threads compute them apart, most of them of one sequence. */
    ONE_VERY_LONG_AMONG_SIX {
      @Override
      void fill(List<Part> parts, Random random) {
        addShort(6, parts, random);
        parts.add(random.nextInt(7), Part.decode(10 * SPLIT + 2));
      }
    },
    WITH_A_CHUNK {
      @Override
      void fill(List<Part> parts, Random random) {
        addShort(10, parts, random);
        parts.add(random.nextInt(11), new Part(SPLIT + 3 * 40 - 20, 40));
      }
    },
    /** A pass of 256 rows, and one of the next row and the decodes. */
    AFTER_A_CHUNK {
      @Override
      void fill(List<Part> parts, Random random) {
        addShort(15, parts, random);
        parts.add(0, new Part(STEPS * 257 + 10, 257));
      }
    },
    /** So few heads that splits of the chunk and of the decode are computed apart. */
    ONE_VERY_LONG_WITH_A_CHUNK {
      @Override
      void fill(List<Part> parts, Random random) {
        parts.add(new Part(3 * SPLIT + 20, 16));
        parts.add(Part.decode(10 * SPLIT + 2));
      }
    };

    abstract void fill(List<Part> parts, Random random);

    List<Part> parts(Random random) {
      List<Part> parts = new ArrayList<>();
      fill(parts, random);
      return parts;
    }

    private static void addShort(int count, List<Part> parts, Random random) {
      parts.add(Part.decode(STEPS + 1));
      parts.add(Part.decode(SPLIT + 2));
      while (parts.size() < count) {
        parts.add(Part.decode(STEPS + 1 + random.nextInt(60)));
      }
      Collections.shuffle(parts, random);
    }
  }

  /**
   * A model and a load.
   *
   * @param shared query heads of each key-value head
   * @param window of the last block; before it, where heads share nothing, is one without
   */
  private record Case(
      Load load,
      int kvHeads,
      int shared,
      int headDim,
      int window,
      KvType kvType,
      ActivationMode mode) {

    QuantizedModel model(Random random) {
      List<Integer> windows = shared > 1 || window == 0 ? List.of(window) : List.of(0, window);
      ModelSpec spec =
          new ModelSpec(
              "llama",
              32,
              windows.size(),
              kvHeads * shared,
              kvHeads,
              headDim,
              32,
              VOCABULARY,
              11 * SPLIT,
              1e-5f,
              new RopeSpec(10000f, new RopeSpec.None()),
              false,
              Set.of(),
              false,
              windows);
      return RandomModels.model(spec, 32, mode, random);
    }
  }

  /**
   * Every load with every number of key-value heads; the other properties in turn, so that each
   * combination of them occurs. A head's outputs are whole groups of 32, or parts of one.
   */
  static Stream<Case> cases() {
    return IntStream.range(0, Load.values().length * KV_HEADS.length)
        .mapToObj(
            i -> {
              int bits = i * 7;
              int kv = i % KV_HEADS.length;
              boolean alone = (bits & 1) == 0;
              return new Case(
                  Load.values()[i / KV_HEADS.length],
                  KV_HEADS[kv],
                  alone ? 1 : new int[] {4, 4, 2}[kv],
                  alone ? new int[] {32, 16, 8}[kv] : new int[] {16, 8, 16}[kv],
                  (bits & 2) == 0 ? 0 : 300,
                  (bits & 4) == 0 ? KvType.FLOAT16 : KvType.INT8,
                  (bits & 8) == 0 ? ActivationMode.PER_GROUP : ActivationMode.PER_TOKEN);
            });
  }

  @ParameterizedTest
  @MethodSource("cases")
  void decodesHaveTheBitsOfTheJavaDecoder(Case c) {
    check(c);
  }

  /** Of 48 queries to a head, two heads have room together, and one is left. */
  @Test
  void fewerHeadsAttendTogetherWhereEachHasManyQueries() {
    check(new Case(Load.SIXTEEN_SHORT, 3, 48, 4, 0, KvType.INT8, ActivationMode.PER_GROUP));
  }

  /** Rows of one sequence that each attend alone, for two have no room, still are no decodes. */
  @Test
  void rowsOfAChunkMayAttendOneByOne() {
    check(new Case(Load.WITH_A_CHUNK, 2, 72, 4, 0, KvType.FLOAT16, ActivationMode.PER_GROUP));
  }

  private static void check(Case c) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    QuantizedModel model = c.model(random);
    List<Work> works = works(c.load().parts(random), random);
    List<float[][]> expected = new ArrayList<>();
    try (JavaDecoder java = new JavaDecoder(model, c.kvType(), 2, BLOCKS)) {
      for (Work work : works) {
        java.step(work.prompt());
        Chunk rest = work.chunk(work.part().prompt(), STEPS * work.part().each());
        expected.add(Decodes.copy(java.step(List.of(rest)).get(0)));
      }
    }
    for (KernelVariant variant : NativeVariants.here().toList()) {
      for (int threads = 1; threads <= 3; threads++) {
        String message = "seed %d, %s, %d threads".formatted(seed, variant.name(), threads);
        try (NativeDecoder decoder =
            new NativeDecoder(variant, model, c.kvType(), threads, BLOCKS)) {
          checkSteps(decoder, works, expected, message);
        }
      }
    }
  }

  private static List<Work> works(List<Part> parts, Random random) {
    List<Integer> free = new ArrayList<>(IntStream.range(0, BLOCKS).boxed().toList());
    Collections.shuffle(free, random);
    List<Work> works = new ArrayList<>();
    for (Part part : parts) {
      List<Integer> table = free.subList(0, Decoder.blocksFor(part.length()));
      int[] tokens = random.ints(part.length(), 0, VOCABULARY).toArray();
      works.add(new Work(part, tokens, table.stream().mapToInt(Integer::intValue).toArray()));
      table.clear();
    }
    return works;
  }

  private static void checkSteps(
      Decoder decoder, List<Work> works, List<float[][]> expected, String message) {
    decoder.step(works.stream().flatMap(work -> work.prompt().stream()).toList());
    for (int i = 0; i < STEPS; i++) {
      int step = i;
      List<List<Logits>> rows = decoder.step(works.stream().map(work -> work.chunk(step)).toList());
      for (int w = 0; w < works.size(); w++) {
        Part part = works.get(w).part();
        float[][] here =
            Arrays.copyOfRange(expected.get(w), step * part.each(), (step + 1) * part.each());
        String where = "%s, step %d, sequence %d: %s".formatted(message, step, w, part);
        assertArrayEquals(here, Decodes.copy(rows.get(w)), where);
      }
    }
  }
}
