import ts from "typescript";

/**
 * Turns a source of the library into code that stops before every step that another thread can see: each function becomes
 * a generator that yields what it is about to do to shared memory. Nothing is left out but `async` functions, which
 * sleep through the same `arm` and words as those that block.
 *
 * Rules, by form alone, decided at run time by what a value is (see machine.ts):
 *
 *   a function, method or getter        a generator                       f(x)            yield* $call(f(x))
 *   constructor(…) { super(…); … }      *$init(…) { yield* super.$init(…) }   new X(…)    yield* $make(X, […])
 *   words[i], words[i] = v              yield* $get(words, i), $set       view.getInt32   yield* $read(view, …)
 *   Atomics.load(…)                     yield* $atomic("load", …)         this.#x         this.$Class$x
 */
export function generatorsOf(source: string, getters: ReadonlySet<string>): string {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ESNext, removeComments: true },
  });
  const file = ts.createSourceFile("ring.js", outputText, ts.ScriptTarget.ESNext, true, ts.ScriptKind.JS);
  const { transformed } = ts.transform(file, [(context) => (root) => new Rewriter(context, getters).file(root)]);
  return ts.createPrinter().printFile(transformed[0] as ts.SourceFile);
}

/** The names of all getters of a source: reading one runs code. */
export function gettersOf(source: string): string[] {
  return [...source.matchAll(/\bget (\w+)\(\)/g)].map(([, name]) => name as string);
}

const f = ts.factory;
const STAR = f.createToken(ts.SyntaxKind.AsteriskToken);

class Rewriter {
  readonly #context: ts.TransformationContext;
  readonly #getters: ReadonlySet<string>;
  #className = "";
  #isInFunction = false;

  constructor(context: ts.TransformationContext, getters: ReadonlySet<string>) {
    this.#context = context;
    this.#getters = getters;
  }

  file(root: ts.SourceFile): ts.SourceFile {
    return ts.visitEachChild(root, (node) => this.#visit(node), this.#context);
  }

  #visit(node: ts.Node): ts.Node | undefined {
    if (ts.isClassDeclaration(node)) this.#className = node.name?.text ?? "";
    if (ts.isFunctionLike(node)) return this.#function(node);
    if (ts.isPrivateIdentifier(node)) return f.createIdentifier(`$${this.#className}$${node.text.slice(1)}`);
    if (this.#isInFunction) {
      const step = this.#step(node);
      if (step !== undefined) return step;
    }
    return this.#children(node);
  }

  #children<T extends ts.Node>(node: T): T {
    return ts.visitEachChild(node, (child) => this.#visit(child), this.#context);
  }

  #function(node: ts.SignatureDeclaration): ts.Node | undefined {
    const isAsync =
      ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.AsyncKeyword);
    if (isAsync) return undefined;
    const { parameters } = node;
    const was = this.#isInFunction;
    this.#isInFunction = true;
    const body = this.#body(node);
    this.#isInFunction = was;
    if (ts.isFunctionDeclaration(node)) {
      return f.updateFunctionDeclaration(node, node.modifiers, STAR, node.name, undefined, parameters, undefined, body);
    }
    if (ts.isArrowFunction(node))
      return f.createFunctionExpression(undefined, STAR, undefined, undefined, parameters, undefined, body);
    if (ts.isConstructorDeclaration(node)) return method("$init", parameters, body);
    if (ts.isGetAccessorDeclaration(node)) return method(`$get_${node.name.getText()}`, parameters, body);
    if (ts.isMethodDeclaration(node)) {
      const name = this.#visit(node.name) as ts.PropertyName;
      return f.createMethodDeclaration(undefined, STAR, name, undefined, undefined, parameters, undefined, body);
    }
    throw new Error(`a function of a form that is not known: ${node.getText()}`);
  }

  #body(node: ts.SignatureDeclaration): ts.Block {
    const body = (node as ts.FunctionLikeDeclaration).body as ts.ConciseBody;
    if (ts.isBlock(body)) return this.#children(body);
    return f.createBlock([f.createReturnStatement(this.#visit(body) as ts.Expression)]);
  }

  #step(node: ts.Node): ts.Node | undefined {
    if (ts.isCallExpression(node)) return this.#call(node);
    if (ts.isNewExpression(node)) {
      const list = f.createArrayLiteralExpression(this.#list(node.arguments ?? []));
      return run("$make", [this.#expression(node.expression), list]);
    }
    if (ts.isBinaryExpression(node) && ts.isElementAccessExpression(node.left)) {
      const { expression, argumentExpression } = node.left;
      if (node.operatorToken.kind === ts.SyntaxKind.EqualsToken)
        return run("$set", this.#list([expression, argumentExpression, node.right]));
    }
    if (ts.isElementAccessExpression(node)) return run("$get", this.#list([node.expression, node.argumentExpression]));
    if (ts.isPropertyAccessExpression(node) && this.#getters.has(node.name.text) && !isWritten(node)) {
      return run("$property", [this.#expression(node.expression), f.createStringLiteral(node.name.text)]);
    }
    return undefined;
  }

  #call(node: ts.CallExpression): ts.Node {
    const { expression: callee } = node;
    const args = this.#list(node.arguments);
    if (callee.kind === ts.SyntaxKind.SuperKeyword) {
      const init = f.createPropertyAccessExpression(f.createSuper(), "$init");
      return f.createYieldExpression(STAR, f.createCallExpression(init, undefined, args));
    }
    if (ts.isPropertyAccessExpression(callee)) {
      const name = f.createStringLiteral(callee.name.text);
      if (callee.expression.getText() === "Atomics") return run("$atomic", [name, ...args]);
      if (/^[gs]et(Int32|Uint8)$/.test(callee.name.text))
        return run("$view", [this.#expression(callee.expression), name, ...args]);
    }
    // The callee itself is no read of a getter.
    const called = ts.isPropertyAccessExpression(callee)
      ? f.updatePropertyAccessExpression(
          callee,
          this.#expression(callee.expression),
          this.#visit(callee.name) as ts.MemberName,
        )
      : this.#expression(callee);
    return run("$call", [f.updateCallExpression(node, called, undefined, args)]);
  }

  #expression(node: ts.Expression): ts.Expression {
    return this.#visit(node) as ts.Expression;
  }

  #list(nodes: readonly ts.Expression[]): ts.Expression[] {
    return nodes.map((node) => this.#expression(node));
  }
}

function isWritten(node: ts.PropertyAccessExpression): boolean {
  const { parent } = node;
  return (
    ts.isBinaryExpression(parent) && parent.left === node && parent.operatorToken.kind === ts.SyntaxKind.EqualsToken
  );
}

function run(name: string, args: readonly ts.Expression[]): ts.Expression {
  const call = f.createCallExpression(f.createIdentifier(name), undefined, args);
  return f.createParenthesizedExpression(f.createYieldExpression(STAR, call));
}

function method(name: string, parameters: readonly ts.ParameterDeclaration[], body: ts.Block): ts.MethodDeclaration {
  return f.createMethodDeclaration(undefined, STAR, name, undefined, undefined, parameters, undefined, body);
}
