package io.calm.serving.djl;

import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.compare.TwinComparison;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import io.calm.runtime.Decoder;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.CheckpointParts;
import io.calm.serving.model.ServedModel;
import io.calm.testing.LogitRows;
import io.calm.testing.ScriptedModels;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;

/** A model that goes on with the alphabet: after {@code abc} comes {@code def}. */
final class CountingModel {
  private static final int VOCABULARY = 128;
  private static final int CONTEXT = 256;
  private static final ModelSpec SPEC =
      new ModelSpec(
          "llama",
          8,
          1,
          1,
          1,
          8,
          8,
          VOCABULARY,
          CONTEXT,
          1e-5f,
          new RopeSpec(1e4f, new RopeSpec.None()),
          true,
          Set.of(),
          false,
          List.of(0));

  private static final AtomicInteger FAILURES = new AtomicInteger();

  private CountingModel() {}

  /** Lets the next step of any of these models throw. */
  static void failNextStep() {
    FAILURES.set(1);
  }

  /**
   * Returns the model.
   *
   * @param steps each step of the decoder takes one permit
   */
  static ServedModel of(ModelLoader.Order order, Semaphore steps) {
    SchedulerSettings budgets =
        new SchedulerSettings(
            CONTEXT,
            CONTEXT,
            order.settings().generation().maxRunning(),
            order.settings().generation().queueSize(),
            64);
    return new ServedModel(
        ScriptedModels.source(order.name(), SPEC),
        new CheckpointParts(
            SPEC,
            new Ascii(),
            Optional.empty(),
            new GenerationDefaults(
                OptionalInt.empty(),
                Set.of(),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                OptionalInt.empty(),
                OptionalDouble.empty(),
                OptionalDouble.empty())),
        Scheduler.start(order.name(), new Counting(steps), budgets, System::nanoTime),
        ServedModel.Limits.DEFAULT,
        order.lmi(),
        Instant.EPOCH,
        TwinComparison.none());
  }

  private record Counting(Semaphore steps) implements Decoder {
    @Override
    public ModelSpec spec() {
      return SPEC;
    }

    @Override
    public int blocks() {
      return CONTEXT;
    }

    @Override
    public List<List<Logits>> step(List<Chunk> chunks) {
      steps.acquireUninterruptibly();
      if (FAILURES.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
        throw new IllegalStateException("the engine failed");
      }
      return chunks.stream().map(Counting::logits).toList();
    }

    private static List<Logits> logits(Chunk chunk) {
      return LogitRows.wanted(
          chunk,
          i -> {
            float[] row = new float[VOCABULARY];
            row[(chunk.tokens()[i] + 1) % VOCABULARY] = 10;
            return row;
          });
    }

    @Override
    public void close() {}
  }

  private static final class Ascii implements Tokenizer {
    @Override
    public int[] encode(String text, boolean addSpecial) {
      return text.chars().toArray();
    }

    @Override
    public String decode(int[] ids, boolean skipSpecial) {
      return new String(ids, 0, ids.length);
    }

    @Override
    public String token(int id) {
      return Character.toString(id);
    }

    @Override
    public byte[] bytes(int id) {
      return new byte[] {(byte) id};
    }

    @Override
    public boolean isSpecial(int id) {
      return false;
    }

    @Override
    public int size() {
      return VOCABULARY;
    }

    @Override
    public IncrementalDecoder newIncrementalDecoder(boolean skipSpecial) {
      return new IncrementalDecoder() {
        @Override
        public String add(int id) {
          return Character.toString(id);
        }

        @Override
        public String flush() {
          return "";
        }
      };
    }

    @Override
    public void close() {}
  }

  /** Returns the bytes of a body. */
  static byte[] body(String json) {
    return json.getBytes(StandardCharsets.UTF_8);
  }
}
