package io.calm.testing;

import io.calm.checkpoint.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** A token is a byte of UTF-8; 256 begins a sequence, 257 ends it. */
public class ByteTokenizer implements Tokenizer {
  public static final int BEGIN = 256;
  public static final int END = 257;
  public static final int SIZE = 258;

  @Override
  public int[] encode(String text, boolean addSpecial) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int first = addSpecial ? 1 : 0;
    int[] ids = new int[first + bytes.length];
    if (addSpecial) {
      ids[0] = BEGIN;
    }
    for (int i = 0; i < bytes.length; i++) {
      ids[first + i] = bytes[i] & 0xFF;
    }
    return ids;
  }

  @Override
  public String decode(int[] ids, boolean skipSpecial) {
    IncrementalDecoder decoder = newIncrementalDecoder(skipSpecial);
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.add(id));
    }
    return text.append(decoder.flush()).toString();
  }

  @Override
  public String token(int id) {
    return switch (id) {
      case BEGIN -> "<begin>";
      case END -> "<end>";
      default -> "<0x%02X>".formatted(id);
    };
  }

  @Override
  public byte[] bytes(int id) {
    return isSpecial(id) ? token(id).getBytes(StandardCharsets.UTF_8) : new byte[] {(byte) id};
  }

  @Override
  public boolean isSpecial(int id) {
    return id >= BEGIN;
  }

  @Override
  public int size() {
    return SIZE;
  }

  @Override
  public IncrementalDecoder newIncrementalDecoder(boolean skipSpecial) {
    return new Decoder(skipSpecial);
  }

  @Override
  public void close() {
    // nothing to free
  }

  private final class Decoder implements IncrementalDecoder {
    private final boolean skipSpecial;
    private ByteArrayOutputStream held = new ByteArrayOutputStream();

    Decoder(boolean skipSpecial) {
      this.skipSpecial = skipSpecial;
    }

    @Override
    public String add(int id) {
      if (isSpecial(id)) {
        return flush() + (skipSpecial ? "" : token(id));
      }
      held.write(id);
      return drain(false);
    }

    @Override
    public String flush() {
      return drain(true);
    }

    private String drain(boolean end) {
      CharsetDecoder decoder =
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPLACE)
              .onUnmappableCharacter(CodingErrorAction.REPLACE);
      ByteBuffer bytes = ByteBuffer.wrap(held.toByteArray());
      CharBuffer chars = CharBuffer.allocate(held.size() + 1);
      decoder.decode(bytes, chars, end);
      held = new ByteArrayOutputStream();
      held.write(bytes.array(), bytes.position(), bytes.remaining());
      return chars.flip().toString();
    }
  }
}
