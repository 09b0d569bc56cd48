package io.calm.settings;

import io.calm.quant.AlgorithmName;

/** The uniform plan that a served model is compared with ({@code calm.baseline}). */
public sealed interface BaselineChoice {

  /** The best uniform plan that the search knows of. */
  record Auto() implements BaselineChoice {}

  /** No uniform plan. */
  record Off() implements BaselineChoice {}

  /**
   * No uniform plan until the search in the background is done.
   *
   * @param then choice for the result of the search
   */
  record AfterSearch(BaselineChoice then) implements BaselineChoice {}

  /** The uniform plan of one algorithm. */
  record Named(AlgorithmName algorithm) implements BaselineChoice {}

  /** Returns the value of the setting. */
  default String setting() {
    if (this instanceof Named named) {
      return named.algorithm().text();
    }
    if (this instanceof AfterSearch later) {
      return later.then().setting();
    }
    return this instanceof Auto ? "auto" : "off";
  }
}
