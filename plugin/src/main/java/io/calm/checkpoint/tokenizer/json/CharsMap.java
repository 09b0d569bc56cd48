package io.calm.checkpoint.tokenizer.json;

import io.calm.checkpoint.CheckpointException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.BitSet;

/**
 * A validated {@code precompiled_charsmap} of SentencePiece. It consists of the length of a
 * double-array trie in bytes, the trie's units, and replacements that end in NUL. The library does
 * not validate indices into either array, so the check visits every state that a text can reach
 * once.
 *
 * @param growth maximum number of characters that replace one
 * @param keepsAscii whether every replacement of a visible ASCII character contains one
 */
record CharsMap(int growth, boolean keepsAscii) {
  private static final int REPLACEMENT_BYTES = 256;
  private static final int BOUNDARY = 0;

  /** Validates a map in Base64. */
  static CharsMap check(JsonNode node) {
    byte[] bytes;
    try {
      bytes = Base64.getDecoder().decode(node.text(1 << 26));
    } catch (IllegalArgumentException e) {
      throw fault(node, "Base64 with padding", String.valueOf(e.getMessage()));
    }
    if (bytes.length < 4) {
      throw fault(node, "the trie's length in four bytes", bytes.length + " bytes");
    }
    ByteBuffer data = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long length = Integer.toUnsignedLong(data.getInt());
    if (length % 4 != 0 || length < 4 || length > data.remaining()) {
      throw fault(
          node,
          "a trie of 4 to " + data.remaining() + " bytes, a multiple of 4",
          length + " bytes");
    }
    int[] units = new int[(int) length / 4];
    data.asIntBuffer().get(units);
    data.position(4 + (int) length);
    return new Traversal(node, units, data.slice()).run();
  }

  private static CheckpointException fault(JsonNode node, String expected, String got) {
    return JsonFault.at(node.path(), expected, got);
  }

  private static final class Traversal {
    private final JsonNode node;
    private final int[] units;
    private final ByteBuffer replacements;
    private final BitSet seen = new BitSet();
    private final ArrayDeque<Integer> waiting = new ArrayDeque<>();
    private int growth = 1;
    private boolean keepsAscii = true;

    Traversal(JsonNode node, int[] units, ByteBuffer replacements) {
      this.node = node;
      this.units = units;
      this.replacements = replacements;
      try {
        StandardCharsets.UTF_8.newDecoder().decode(replacements.duplicate());
      } catch (CharacterCodingException e) {
        throw fault(node, "replacements in UTF-8", String.valueOf(e));
      }
    }

    CharsMap run() {
      int root = offset(units[BOUNDARY]);
      visitChildren(root, true);
      while (!waiting.isEmpty()) {
        visitChildren(waiting.pop(), false);
      }
      return new CharsMap(growth, keepsAscii);
    }

    /** Follows every byte except NUL, at which the library stops. */
    private void visitChildren(int state, boolean root) {
      for (int label = 1; label < 256; label++) {
        int child = state ^ label;
        if (child < 0 || child >= units.length) {
          throw fault(
              node, "a trie whose states lie inside its " + units.length + " units", child + "");
        }
        int unit = units[child];
        if ((unit & 0x800000FF) != label) {
          continue;
        }
        int next = child ^ offset(unit);
        if ((unit >>> 8 & 1) == 1) {
          leaf(next, root && label > ' ' && label < 0x7F);
        }
        if (next < 0 || next >= units.length || !seen.get(next)) {
          if (next >= 0 && next < units.length) {
            seen.set(next);
          }
          waiting.push(next);
        }
      }
    }

    private void leaf(int state, boolean ascii) {
      if (state < 0 || state >= units.length) {
        throw fault(node, "leaves inside the trie's " + units.length + " units", state + "");
      }
      int start = units[state] & 0x7FFFFFFF;
      int size = replacements.remaining();
      if (start > size || (start < size && (replacements.get(start) & 0xC0) == 0x80)) {
        throw fault(
            node, "replacements that start at a character of " + size + " bytes", "" + start);
      }
      int end = start;
      int characters = 0;
      boolean visible = false;
      for (; end < size && replacements.get(end) != 0; end++) {
        byte b = replacements.get(end);
        characters += (b & 0xC0) == 0x80 ? 0 : 1;
        visible |= b > ' ' && b < 0x7F;
        if (end - start >= REPLACEMENT_BYTES) {
          throw fault(node, "replacements of at most " + REPLACEMENT_BYTES + " bytes", "more");
        }
      }
      growth = Math.max(growth, characters);
      keepsAscii &= visible || !ascii;
    }

    private static int offset(int unit) {
      long wide = Integer.toUnsignedLong(unit);
      long offset = wide >>> 10 << ((wide & 1L << 9) >>> 6);
      return offset > Integer.MAX_VALUE ? -1 : (int) offset;
    }
  }
}
