package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.ByteTokenizer;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TokenizerCheckTest {
  @Test
  void tokensBeyondTheEmbeddingsAreCountedAndTheFirstAreNamed() {
    ByteTokenizer tokenizer = new ByteTokenizer();
    assertEquals(Optional.empty(), TokenizerCheck.problem(tokenizer, ByteTokenizer.SIZE));
    assertEquals(Optional.empty(), TokenizerCheck.problem(tokenizer, 300), "rows that pad");
    assertEquals(
        Optional.of(
            "the tokenizer has 1 tokens beyond the model's 257 embeddings, first 257 \"<end>\";"
                + " a prompt with one of them is refused"),
        TokenizerCheck.problem(tokenizer, 257));
    assertEquals(
        Optional.of(
            "the tokenizer has 194 tokens beyond the model's 64 embeddings, first 64 \"@\","
                + " 65 \"A\", 66 \"B\", 67 \"C\", 68 \"D\"; a prompt with one of them is refused"),
        TokenizerCheck.problem(tokenizer, 64));
  }

  @Test
  void anAddedTokenBeyondTheEmbeddingsIsNamed() {
    ByteTokenizer tokenizer = new ByteTokenizer();
    assertEquals(Optional.empty(), TokenizerCheck.added(tokenizer, ByteTokenizer.SIZE));
    String problem = TokenizerCheck.added(tokenizer, ByteTokenizer.BEGIN).orElseThrow();
    assertTrue(problem.startsWith("the tokenizer adds the token 256 to every text"), problem);
  }

  @Test
  void aTokenizerThatRefusesTheEmptyTextIsNoProblem() {
    ByteTokenizer refusing =
        new ByteTokenizer() {
          @Override
          public int[] encode(String text, boolean addSpecial) {
            throw new IllegalArgumentException("text: expected characters that it knows");
          }
        };
    assertEquals(Optional.empty(), TokenizerCheck.added(refusing, 1));
  }
}
