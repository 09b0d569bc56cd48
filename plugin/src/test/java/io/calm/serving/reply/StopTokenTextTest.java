package io.calm.serving.reply;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.generate.SamplingParameters;
import io.calm.testing.Repository;
import java.util.List;
import org.junit.jupiter.api.Test;

class StopTokenTextTest {
  private static final int IM_START = 1;
  private static final int IM_END = 2;

  private static String text(List<String> stops, int minNewTokens, boolean showSpecial) {
    SamplingParameters parameters =
        SamplingParameters.builder().stops(stops).minNewTokens(minNewTokens).build();
    try (Tokenizer tokenizer =
        Checkpoints.openTokenizer(Repository.path("models/calm-tiny-llama"))) {
      StopTokenText text = new StopTokenText(tokenizer, new int[0], parameters, showSpecial);
      StringBuilder all = new StringBuilder();
      for (int token : tokenizer.encode("a", false)) {
        all.append(text.add(token));
      }
      all.append(text.add(IM_END)).append(text.add(IM_START));
      return all.append(text.flush()).toString();
    }
  }

  @Test
  void aStopThatIsASpecialTokenIsShown() {
    assertEquals("a<|im_end|>", text(List.of("x", "<|im_end|>"), 0, false));
  }

  @Test
  void aTokenThatEndsTheAnswerHasItsOwnText() {
    SamplingParameters parameters = SamplingParameters.builder().build();
    try (Tokenizer tokenizer =
        Checkpoints.openTokenizer(Repository.path("models/calm-tiny-llama"))) {
      for (boolean showSpecial : new boolean[] {true, false}) {
        StopTokenText text = new StopTokenText(tokenizer, new int[0], parameters, showSpecial);
        assertEquals("<|im_end|>", text.ending(IM_END));
        assertEquals("", text.ending(tokenizer.size()), "an id without a token");
      }
    }
  }

  @Test
  void otherSpecialTokensAreLeftOut() {
    assertEquals("a", text(List.of("x", "<|im_end"), 0, false));
    assertEquals("a", text(List.of(), 0, false));
  }

  @Test
  void withSpecialTokensInTheTextNothingIsDoubled() {
    assertEquals("a<|im_end|><|im_start|>", text(List.of("<|im_end|>"), 0, true));
  }

  @Test
  void asLongAsNothingStopsNothingIsShown() {
    assertEquals("a", text(List.of("<|im_end|>"), 2, false));
  }
}
