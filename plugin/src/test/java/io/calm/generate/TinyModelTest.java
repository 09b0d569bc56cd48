package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.kernels.JavaSearchKernels;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.quant.Compute;
import io.calm.quant.rtn.RtnQuantizer;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.runtime.KvType;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import io.calm.testing.Repository;
import io.calm.testing.Seeds;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Sixteen requests at once to a real model: each answer is the one that it has alone. */
class TinyModelTest {
  private static final int REQUESTS = 16;
  private static final int NEW_TOKENS = 90;
  private static final int CONTEXT = 512;

  /** Enough for all; and enough for one, and some. */
  private static final int AMPLE = 200;

  private static final int TIGHT = 9;

  static final QuantizedModel MODEL = quantized();

  private record Case(String kernel, KvType kvType) {}

  static Stream<Case> cases() {
    return Stream.of(Decoders.AUTO, Decoders.JAVA)
        .flatMap(kernel -> Stream.of(KvType.values()).map(type -> new Case(kernel, type)));
  }

  private static QuantizedModel quantized() {
    try (Checkpoint checkpoint = Checkpoints.open(Repository.path("models/calm-tiny-llama"));
        Parallel parallel = new Parallel(2)) {
      ModelSpec spec = checkpoint.spec();
      List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
      Compute compute = new Compute(parallel, new JavaSearchKernels());
      for (int layer = 0; layer < spec.layers(); layer++) {
        blocks.add(RtnQuantizer.quantize(checkpoint.block(layer), 64, compute));
      }
      TokenTable table =
          TokenTableBuilder.int8(spec.vocabulary(), spec.hidden(), 64, ByteBuffer::allocateDirect)
              .add(checkpoint.embeddingRows(0, spec.vocabulary()))
              .build();
      return new QuantizedModel(
          spec, blocks, table, table, checkpoint.finalNorm(), ActivationMode.PER_GROUP);
    }
  }

  /** Three beginnings of up to 250 tokens, with ends of their own. */
  private static List<int[]> prompts(SplittableRandom random) {
    int vocabulary = MODEL.spec().vocabulary();
    List<int[]> beginnings =
        IntStream.range(0, 3).mapToObj(i -> random.ints(250, 0, vocabulary).toArray()).toList();
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < REQUESTS; i++) {
      int[] prompt = Arrays.copyOf(beginnings.get(i % 3), 1 + random.nextInt(250));
      prompt[prompt.length - 1] = random.nextInt(vocabulary);
      prompts.add(prompt);
    }
    return prompts;
  }

  private static GenerationRequest request(int[] prompt, Recorder recorder) {
    return RequestBuilder.prompt(prompt).maxNewTokens(NEW_TOKENS).build(recorder);
  }

  static Decoder open(int blocks) {
    return open(new Case(Decoders.AUTO, KvType.FLOAT16), blocks);
  }

  private static Decoder open(Case c, int blocks) {
    return Decoders.open(MODEL, new Decoders.Settings(c.kernel(), c.kvType(), 2), blocks);
  }

  /** Runs requests at once, twice, so that the second time finds what the first left. */
  private static SchedulerStats run(Case c, List<int[]> prompts, int blocks, List<Recorder> into)
      throws InterruptedException {
    SchedulerSettings settings = new SchedulerSettings(CONTEXT, blocks, REQUESTS, 64, 128);
    try (Scheduler scheduler =
        Scheduler.start("tiny", open(c, blocks), settings, System::nanoTime)) {
      for (int round = 0; round < 2; round++) {
        List<Recorder> recorders =
            IntStream.range(0, prompts.size()).mapToObj(i -> new Recorder()).toList();
        scheduler.submit(
            IntStream.range(0, prompts.size())
                .mapToObj(i -> request(prompts.get(i), recorders.get(i)))
                .toList());
        for (Recorder recorder : recorders) {
          assertEquals(Finish.Reason.LENGTH, recorder.awaitFinish().reason());
        }
        into.addAll(recorders);
      }
      scheduler.drain();
      assertTrue(scheduler.awaitClosed(Duration.ofSeconds(60)));
      return scheduler.stats();
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void answersAreTheSameAloneAndAmongFifteenOthers(Case c) throws InterruptedException {
    long seed = Seeds.next();
    List<int[]> prompts = prompts(new SplittableRandom(seed));
    List<List<Integer>> alone = new ArrayList<>();
    for (int[] prompt : prompts) {
      List<Recorder> one = new ArrayList<>();
      run(c, List.of(prompt), AMPLE, one);
      alone.add(one.get(0).ids());
      assertEquals(one.get(0).ids(), one.get(1).ids(), "again, from the cache");
    }
    for (int blocks : new int[] {AMPLE, TIGHT}) {
      List<Recorder> together = new ArrayList<>();
      SchedulerStats stats = run(c, prompts, blocks, together);
      for (int i = 0; i < together.size(); i++) {
        assertEquals(
            alone.get(i % REQUESTS),
            together.get(i).ids(),
            "seed %d, %s, %d blocks, request %d".formatted(seed, c, blocks, i));
      }
      assertEquals(0, stats.usedBlocks());
      assertTrue(blocks != AMPLE || stats.sharedTokens() > 0, stats.toString());
      assertTrue(blocks == AMPLE || stats.preemptions() > 0, stats.toString());
    }
  }
}
