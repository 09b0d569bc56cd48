package io.calm.checkpoint.tokenizer.json;

import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checks and writes {@code added_tokens}, with the ids that the library will assign. */
final class AddedTokensCheck {
  private static final Logger logger = LoggerFactory.getLogger(AddedTokensCheck.class);

  private final List<AddedToken> tokens = new ArrayList<>();
  private final String path;

  /** Reads the tokens. */
  AddedTokensCheck(Node list) {
    this.path = list.path();
    for (Node node : list.elements(Limits.ADDED_TOKENS)) {
      AddedToken token =
          new AddedToken(
              node.field("id").id(),
              node.field("content").text(Limits.ADDED_TOKEN_LENGTH),
              node.field("single_word").flag(),
              node.field("lstrip").flag(),
              node.field("rstrip").flag(),
              node.field("normalized").flag(),
              node.field("special").flag());
      if (!token.content().isEmpty()) { // the library ignores it
        tokens.add(token);
      }
    }
  }

  /** Writes the tokens. */
  void write(StringBuilder out, Normalization normalization) {
    boolean strips = tokens.stream().anyMatch(AddedToken::rstrip);
    out.append('[');
    String comma = "";
    for (AddedToken token : tokens) {
      check(token, normalization, strips);
      JsonText.quote(
              out.append(comma).append("{\"id\":").append(token.declared()).append(",\"content\":"),
              token.content())
          .append(",\"single_word\":")
          .append(token.singleWord())
          .append(",\"lstrip\":")
          .append(token.lstrip())
          .append(",\"rstrip\":")
          .append(token.rstrip())
          .append(",\"normalized\":")
          .append(token.normalized())
          .append(",\"special\":")
          .append(token.special())
          .append('}');
      comma = ",";
    }
    out.append(']');
  }

  private void check(AddedToken token, Normalization normalization, boolean strips) {
    boolean normalized = token.normalized() && normalization.isActive();
    if (normalized && !normalization.keeps(token.content())) {
      throw JsonFault.at(
          path + ", token " + JsonFault.quoted(token.content()),
          "normalized false, since the normalizer may leave nothing of it: the library aborts then",
          "true");
    }
    // Its match may lie in spaces that the token before it has taken; the library aborts then.
    boolean visible =
        normalized
            ? normalization.keepsVisible(token.content())
            : !token.content().codePoints().allMatch(AddedTokensCheck::isSpace);
    if (strips && token.lstrip() && !visible) {
      throw JsonFault.at(
          path + ", token " + JsonFault.quoted(token.content()),
          "lstrip false, since it may be white space and another token has rstrip",
          "true");
    }
  }

  private static boolean isSpace(int c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
  }

  /**
   * Returns the tokens by the ids that the library assigns: the vocabulary's id if it has the
   * token, else the next free one. Logs a warning if the file says otherwise.
   */
  Map<Integer, AddedToken> assign(Map<String, Integer> model, int modelSize) {
    Map<String, Integer> ids = new HashMap<>();
    Map<Integer, AddedToken> assigned = new LinkedHashMap<>();
    int last = -1;
    List<String> moved = new ArrayList<>();
    for (AddedToken token : tokens) {
      Integer id = ids.get(token.content());
      if (id == null) {
        id = model.get(token.content());
      }
      if (id == null) {
        id = last >= modelSize ? last + 1 : modelSize;
      }
      last = Math.max(last, id);
      if (id >= Limits.IDS) {
        throw JsonFault.at(path, "ids below " + Limits.IDS, String.valueOf(id));
      }
      ids.put(token.content(), id);
      assigned.put(id, token);
      if (id != token.declared()) {
        moved.add("%s: %d, not %d".formatted(token.content(), id, token.declared()));
      }
    }
    if (!moved.isEmpty()) {
      logger.warn(
          "{}: the tokenizers library gives {} of {} tokens another id than the file ({})",
          path,
          moved.size(),
          tokens.size(),
          Printable.of(moved.get(0)));
    }
    return assigned;
  }

  /** Returns whether a token takes the white space beside it. */
  boolean strips() {
    return tokens.stream().anyMatch(token -> token.lstrip() || token.rstrip());
  }

  /** Returns the spellings of special tokens. */
  Set<String> special() {
    Set<String> special = new HashSet<>();
    for (AddedToken token : tokens) {
      if (token.special()) {
        special.add(token.content());
      }
    }
    return special;
  }
}
