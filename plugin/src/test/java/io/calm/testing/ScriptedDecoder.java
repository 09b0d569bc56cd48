package io.calm.testing;

import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import io.calm.runtime.Decoder;
import io.calm.runtime.StepFailedException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/**
 * A model of bytes whose prompt tells it what to say. A prompt ends with {@code |}; the last of
 * these in it counts:
 *
 * <ul>
 *   <li>{@code say(TEXT)}: TEXT, then the end of the sequence;
 *   <li>{@code loop(TEXT)}: TEXT for ever; {@code slow(TEXT)}: the same, 2 ms a step;
 *   <li>{@code die(N)}: N times {@code x}, then the whole step throws; {@code nan(N)}: then this
 *       sequence alone has numbers that are not finite;
 *   <li>{@code kill()}: the end of the sequence, after which the scheduler's loop dies;
 *   <li>{@code dice()}: for ever a digit, each as likely as another;
 *   <li>{@code babble(TEXT)}: characters of TEXT and sometimes the end, as likely as what was said
 *       before makes them.
 * </ul>
 *
 * Otherwise it says {@code ok}.
 */
public final class ScriptedDecoder implements Decoder {
  private static final float LIKELY = 30;

  private final int maxContext;
  private final TokenMemory memory = new TokenMemory();

  public ScriptedDecoder(int maxContext) {
    this.maxContext = maxContext;
  }

  @Override
  public ModelSpec spec() {
    return new ModelSpec(
        "scripted",
        8,
        1,
        2,
        1,
        4,
        16,
        ByteTokenizer.SIZE,
        maxContext,
        1e-5f,
        new RopeSpec(10_000, new RopeSpec.None()),
        true,
        Set.of(),
        false,
        Collections.nCopies(1, 0));
  }

  @Override
  public int blocks() {
    return Integer.MAX_VALUE / BLOCK_TOKENS;
  }

  @Override
  public List<List<Logits>> step(List<Chunk> chunks) {
    chunks.forEach(memory::store);
    List<List<Logits>> results = new ArrayList<>();
    for (int i = 0; i < chunks.size(); i++) {
      int index = i;
      Chunk chunk = chunks.get(i);
      int[] tokens = memory.tokens(chunk, chunk.end());
      results.add(
          LogitRows.wanted(
              chunk, row -> new Script(tokens, chunk.position() + row + 1).logits(index)));
    }
    return results;
  }

  @Override
  public void close() {
    // nothing to free
  }

  /** The tokens that one sequence has read, and its position in the answer. */
  private static final class Script {
    private String prompt = ""; // a char is a byte
    private int said;
    private final StringBuilder answer = new StringBuilder(); // a char is a byte
    private String verb = "";
    private byte[] text = {};

    Script(int[] tokens, int length) {
      for (int i = 0; i < length; i++) {
        append(tokens[i]);
      }
    }

    private void append(int token) {
      if (verb.isEmpty() || token == '|') {
        prompt += (char) token;
      }
      if (token == '|') {
        said = 0;
        answer.setLength(0);
        parse();
      } else {
        said++;
        answer.append((char) token);
      }
    }

    private void parse() {
      verb = "say";
      text = "ok".getBytes(StandardCharsets.UTF_8);
      int best = -1;
      for (String candidate :
          List.of("say", "loop", "slow", "die", "nan", "kill", "dice", "babble")) {
        int at = prompt.lastIndexOf(candidate + "(");
        int end = prompt.indexOf(")", Math.max(at, 0));
        if (at > best && end > at) {
          best = at;
          verb = candidate;
          String inside = prompt.substring(at + candidate.length() + 1, end);
          text = inside.getBytes(StandardCharsets.ISO_8859_1);
        }
      }
    }

    float[] logits(int chunk) {
      float[] logits = new float[ByteTokenizer.SIZE];
      switch (verb) {
        case "loop" -> logits[text[said % text.length] & 0xFF] = LIKELY;
        case "slow" -> {
          pause();
          logits[text[said % text.length] & 0xFF] = LIKELY;
        }
        case "dice" -> {
          for (int digit = '0'; digit <= '9'; digit++) {
            logits[digit] = LIKELY;
          }
        }
        case "babble" -> Babble.weigh(text, answer.toString(), logits);
        case "kill" -> {
          Thread.currentThread().interrupt();
          logits[ByteTokenizer.END] = LIKELY;
        }
        case "die", "nan" -> {
          if (said >= Integer.parseInt(new String(text, StandardCharsets.ISO_8859_1))) {
            fail(chunk);
          }
          logits['x'] = LIKELY;
        }
        case "say" -> logits[said < text.length ? text[said] & 0xFF : ByteTokenizer.END] = LIKELY;
        default -> logits['?'] = LIKELY; // in the middle of a prompt
      }
      return logits;
    }

    private void fail(int chunk) {
      if (verb.equals("nan")) {
        throw new StepFailedException("block 0 down: NaN in row 0", Set.of(chunk));
      }
      throw new IllegalStateException("the decoder died");
    }

    private static void pause() {
      try {
        Thread.sleep(2);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
