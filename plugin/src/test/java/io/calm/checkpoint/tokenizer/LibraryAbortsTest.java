package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.tokenizer.json.CheckedTokenizer;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The places where the native library ends the process. Each is refused by the check, and each does
 * end a process that opens it without the check, so none of the rules is idle.
 */
class LibraryAbortsTest {
  private static final List<String> TEXTS =
      List.of(
          "",
          "a",
          " a  b ",
          "ab c",
          "\u00E9\u0301\uFF41\u2581",
          "a".repeat(60) + "!",
          "a".repeat(5000),
          "a".repeat(4000) + "b" + "c".repeat(4000));

  private record Abort(String json, String place) {}

  private static final Map<String, Abort> ABORTS = new LinkedHashMap<>();

  static {
    add(
        "prefix longer than a merge's right part",
        TokenizerSeeds::byteLevel,
        "model.merges[0]",
        json -> json.getAsJsonObject("model").addProperty("continuing_subword_prefix", "####"));
    add(
        "prefix that cuts a character",
        TokenizerSeeds::byteLevel,
        "model.merges[2]",
        json -> {
          JsonObject model = json.getAsJsonObject("model");
          model.addProperty("continuing_subword_prefix", "x");
          model.add(
              "merges",
              JsonParser.parseString("[[\"a\",\"bc\"],[\"a\",\"bc\"],[\"a\",\"\u00C3\"]]"));
          for (String token : List.of("bc", "ac", "bab")) {
            model
                .getAsJsonObject("vocab")
                .addProperty(token, 20 + token.length() + token.charAt(0));
          }
        });
    put("empty charsmap", "normalizer", "{'type':'Precompiled','precompiled_charsmap':''}");
    put(
        "charsmap without a trie",
        "normalizer",
        "{'type':'Precompiled','precompiled_charsmap':'AAAAAA=='}");
    put(
        "charsmap with a short trie",
        "normalizer",
        "{'type':'Precompiled','precompiled_charsmap':'BAAAAAAAAAA='}");
    put(
        "charsmap that is no Base64",
        "normalizer",
        "{'type':'Precompiled','precompiled_charsmap':'%'}");
    put(
        "an empty Prepend before another step",
        "normalizer",
        "{'type':'Sequence','normalizers':[{'type':'Prepend','prepend':''},{'type':'NFC'}]}");
    put(
        "a Replace of nothing before another step",
        "normalizer",
        "{'type':'Sequence','normalizers':[{'type':'Replace','pattern':{'Regex':'^'},'content':'x'},"
            + "{'type':'Lowercase'}]}");
    put("pieces of no length", "pre_tokenizer", "{'type':'FixedLength','length':0}");
    putSplit("a regex that never ends", "(a|a)*$");
    putSplit("a loop that reads far in every iteration", "(?:a.*[yw]q|a)+");
    putSplit("a loop that looks far in every iteration", "(?:a(?=.*[bd]))+");
    putSplit("a look far ahead behind a loop", "a+(?=.*[yw])");
    putSplit("a loop with many alternatives", "(?:(?:a|a){12}[yw]|a)+");
    put(
        "a template with a second text",
        "post_processor",
        "{'type':'TemplateProcessing','single':[{'Sequence':{'id':'B','type_id':0}}],"
            + "'pair':[{'Sequence':{'id':'A','type_id':0}}],'special_tokens':{}}");
    put(
        "a template with an unknown token",
        "post_processor",
        "{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'z','type_id':0}},"
            + "{'Sequence':{'id':'A','type_id':0}}],'pair':[{'Sequence':{'id':'A','type_id':0}}],"
            + "'special_tokens':{}}");
    put("two templates", "post_processor", twoTemplates());
    put(
        "a Strip at the end of tokens",
        "decoder",
        "{'type':'Strip','content':'a','start':1,'stop':1}");
    add(
        "an added token that normalizes to nothing",
        TokenizerSeeds::byteLevel,
        "added_tokens",
        json -> {
          json.add("normalizer", JsonParser.parseString("{'type':'StripAccents'}"));
          JsonObject token = json.getAsJsonArray("added_tokens").get(1).getAsJsonObject();
          token.addProperty("content", "\u0301");
        });
    add(
        "white space that two added tokens claim",
        TokenizerSeeds::byteLevel,
        "added_tokens",
        json -> {
          JsonObject first = json.getAsJsonArray("added_tokens").get(0).getAsJsonObject();
          first.addProperty("content", "a");
          first.addProperty("rstrip", true);
          JsonObject second = json.getAsJsonArray("added_tokens").get(1).getAsJsonObject();
          second.addProperty("content", " ");
          second.addProperty("normalized", false);
          second.addProperty("lstrip", true);
        });
  }

  private static void add(
      String name, Supplier<JsonObject> seed, String place, Consumer<JsonObject> change) {
    JsonObject json = seed.get();
    change.accept(json);
    ABORTS.put(name, new Abort(json.toString(), place));
  }

  private static void put(String name, String slot, String component) {
    JsonElement value = JsonParser.parseString(component.replace('\'', '"'));
    add(name, TokenizerSeeds::byteLevel, slot, json -> json.add(slot, value));
  }

  private static void putSplit(String name, String regex) {
    put(
        name,
        "pre_tokenizer",
        "{'type':'Split','pattern':{'Regex':'"
            + regex
            + "'},'behavior':'Isolated','invert':false}");
  }

  private static String twoTemplates() {
    String template =
        "{'type':'TemplateProcessing','single':[{'SpecialToken':{'id':'z','type_id':0}},"
            + "{'Sequence':{'id':'A','type_id':0}},{'SpecialToken':{'id':'z','type_id':0}}],"
            + "'pair':[{'Sequence':{'id':'A','type_id':0}}],"
            + "'special_tokens':{'z':{'id':'z','ids':[0],'tokens':['z']}}}";
    return "{'type':'Sequence','processors':[" + template + "," + template + "]}";
  }

  @TestFactory
  Stream<DynamicTest> theCheckRefusesWhatEndsAProcess() {
    return ABORTS.entrySet().stream()
        .map(it -> DynamicTest.dynamicTest(it.getKey(), () -> refusedAndDeadly(it.getValue())));
  }

  /** A number out of range ends a process inside a decoder, even in an unused field. */
  @Test
  void whatTheLibraryDoesNotReadIsLeftOut() throws Exception {
    JsonObject json = TokenizerSeeds.byteLevel();
    json.add("decoder", JsonParser.parseString("{'type':'Fuse','x':1e999}"));
    CheckedTokenizer checked = CheckedTokenizer.of(json.toString(), "file");
    try (FuzzChild child = FuzzChild.start()) {
      assertEquals(Optional.of(0), child.tries(new ProbeInput(checked.json(), 20, TEXTS)));
      assertEquals(Optional.empty(), child.tries(new ProbeInput(json.toString(), 20, TEXTS)));
    }
  }

  private static void refusedAndDeadly(Abort abort) throws Exception {
    CheckpointException refused =
        assertThrows(CheckpointException.class, () -> CheckedTokenizer.of(abort.json(), "file"));
    assertTrue(
        String.valueOf(refused.getMessage()).startsWith("file: " + abort.place()),
        refused::getMessage);
    try (FuzzChild child = FuzzChild.start()) {
      assertEquals(Optional.empty(), child.tries(new ProbeInput(abort.json(), 20, TEXTS)));
    }
  }

  /** Returns a text as if it had been checked. */
  static CheckedTokenizer unchecked(String json) {
    return new CheckedTokenizer(
        json,
        Map.of(0, "a"),
        new BitSet(),
        new BitSet(),
        Optional.empty(),
        List.of(),
        OptionalInt.empty());
  }

  /** Returns one that ends the process as soon as it is opened. */
  static String deadly() {
    return ABORTS.get("prefix longer than a merge's right part").json();
  }
}
