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
  public Sequence newSequence(int capacity) {
    return new Script(capacity);
  }

  @Override
  public List<float[][]> step(List<Chunk> chunks) {
    List<Script> before = chunks.stream().map(chunk -> ((Script) chunk.sequence()).copy()).toList();
    try {
      return chunks.stream().map(ScriptedDecoder::read).toList();
    } catch (StepFailedException e) { // the others are as before
      for (int i = 0; i < before.size(); i++) {
        ((Script) chunks.get(i).sequence()).restore(before.get(i));
      }
      throw e;
    }
  }

  private static float[][] read(Chunk chunk) {
    Script script = (Script) chunk.sequence();
    List<float[]> rows = new ArrayList<>();
    for (int i = 0; i < chunk.tokens().length; i++) {
      script.append(chunk.tokens()[i]);
      boolean last = i == chunk.tokens().length - 1;
      if (chunk.wanted() == Wanted.ALL || (last && chunk.wanted() == Wanted.LAST)) {
        rows.add(script.logits());
      }
    }
    return rows.toArray(float[][]::new);
  }

  @Override
  public void close() {
    // nothing to free
  }

  /** What one sequence has read, and how much of its answer it has given. */
  private static final class Script implements Sequence {
    private final int capacity;
    private String prompt = ""; // a char is a byte
    private int length;
    private int said;
    private String answer = ""; // a char is a byte
    private String verb = "";
    private byte[] text = {};

    Script(int capacity) {
      this.capacity = capacity;
    }

    Script copy() {
      Script copy = new Script(capacity);
      copy.restore(this);
      return copy;
    }

    void restore(Script other) {
      prompt = other.prompt;
      length = other.length;
      said = other.said;
      answer = other.answer;
      verb = other.verb;
      text = other.text;
    }

    void append(int token) {
      length++;
      if (verb.isEmpty() || token == '|') {
        prompt += (char) token;
      }
      if (token == '|') {
        said = 0;
        answer = "";
        parse();
      } else {
        said++;
        answer += (char) token;
      }
    }

    private void parse() {
      verb = "say";
      text = "ok".getBytes(StandardCharsets.UTF_8);
      int best = -1;
      for (String candidate : List.of("say", "loop", "slow", "die", "nan", "dice", "babble")) {
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

    float[] logits() {
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
        case "babble" -> Babble.weigh(text, answer, logits);
        case "die", "nan" -> {
          if (said >= Integer.parseInt(new String(text, StandardCharsets.ISO_8859_1))) {
            fail();
          }
          logits['x'] = LIKELY;
        }
        case "say" -> logits[said < text.length ? text[said] & 0xFF : ByteTokenizer.END] = LIKELY;
        default -> logits['?'] = LIKELY; // in the middle of a prompt
      }
      return logits;
    }

    private void fail() {
      if (verb.equals("nan")) {
        throw new StepFailedException("block 0 down: NaN in row 0", Set.of(this));
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

    @Override
    public int length() {
      return length;
    }

    @Override
    public int capacity() {
      return capacity;
    }

    @Override
    public void close() {
      // nothing to free
    }
  }
}
