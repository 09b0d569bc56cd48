package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.ActivationMode;
import io.calm.model.QuantizedModel;
import io.calm.runtime.Backend;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.runtime.KvType;
import io.calm.runtime.RandomModels;
import io.calm.testing.Seeds;
import io.calm.torch.Backends;
import io.calm.torch.ExactBits;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The scheduler on the PyTorch decoder: answers of the Java decoder, and no block is lost. */
class TorchGenerationTest {
  private static final int REQUESTS = 6;
  private static final int NEW_TOKENS = 12;
  private static final int AMPLE = 30;
  private static final int TIGHT = 6;
  private static final QuantizedModel MODEL =
      RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(2));

  private static Decoder open(Backend backend, int blocks) {
    String kernel = backend == Backend.JAVA ? Decoders.JAVA : Decoders.AUTO;
    return Backends.open(MODEL, new Decoders.Settings(kernel, KvType.FLOAT16, 1, backend), blocks);
  }

  private static SchedulerSettings settings(int blocks) {
    return new SchedulerSettings(256, blocks, REQUESTS, 64, 128);
  }

  /** Prompts of 70 to 149 tokens with a common beginning of one block and a bit. */
  private static List<int[]> prompts(SplittableRandom random) {
    int[] beginning = RandomModels.tokens(150, random);
    List<int[]> prompts = new ArrayList<>();
    for (int i = 0; i < REQUESTS; i++) {
      int[] prompt = Arrays.copyOf(beginning, 70 + random.nextInt(80));
      prompt[prompt.length - 1] = random.nextInt(61);
      prompts.add(prompt);
    }
    return prompts;
  }

  private static List<List<Integer>> answers(Backend backend, List<int[]> prompts, int blocks)
      throws InterruptedException {
    try (Scheduler scheduler =
        Scheduler.start("torch", open(backend, blocks), settings(blocks), System::nanoTime)) {
      List<Recorder> recorders =
          IntStream.range(0, prompts.size()).mapToObj(i -> new Recorder()).toList();
      scheduler.submit(
          IntStream.range(0, prompts.size())
              .mapToObj(
                  i ->
                      RequestBuilder.prompt(prompts.get(i))
                          .maxNewTokens(NEW_TOKENS)
                          .build(recorders.get(i)))
              .toList());
      for (Recorder recorder : recorders) {
        assertEquals(Finish.Reason.LENGTH, recorder.awaitFinish().reason());
      }
      scheduler.drain();
      assertTrue(scheduler.awaitClosed(Duration.ofSeconds(60)));
      assertEquals(0, scheduler.stats().usedBlocks());
      return recorders.stream().map(Recorder::ids).toList();
    }
  }

  @Test
  void answersAreThoseOfTheJavaDecoderAlsoIfBlocksAreShort() throws InterruptedException {
    ExactBits.assume();
    long seed = Seeds.next();
    List<int[]> prompts = prompts(new SplittableRandom(seed));
    List<List<Integer>> expected = answers(Backend.JAVA, prompts, AMPLE);
    for (int blocks : new int[] {AMPLE, TIGHT}) {
      assertEquals(
          expected,
          answers(Backend.PYTORCH, prompts, blocks),
          "seed %d, %d blocks".formatted(seed, blocks));
    }
  }

  @Test
  void aCancelledRequestFreesItsBlocks() throws InterruptedException {
    GateListener gate = new GateListener();
    try (Scheduler scheduler =
        Scheduler.start("torch", open(Backend.PYTORCH, AMPLE), settings(AMPLE), System::nanoTime)) {
      Generation generation =
          scheduler.submit(RequestBuilder.prompt(1, 2, 3).maxNewTokens(100).build(gate));
      gate.awaitFirst();
      generation.cancel();
      gate.open();
      assertEquals(Finish.Reason.CANCELLED, gate.awaitFinish());
      scheduler.drain();
      assertTrue(scheduler.awaitClosed(Duration.ofSeconds(60)));
      assertEquals(0, scheduler.stats().usedBlocks());
    }
  }
}
