// Evaluated once in every new quickjs context, after the library; its value makes the
// function that Python calls.
//
// Parameters and user code must not reach the names used here, so everything is captured before either runs and
// expressions are compiled as thunks: inside `with` no name of ours is needed to turn a value into text.
(function (shared) {
  "use strict";

  var stringify = JSON.stringify;
  var parse = JSON.parse;
  var apply = Reflect.apply;
  var NativeFunction = Function;
  var NativeError = Error;
  var NativeInternalError = InternalError;
  var NativeSyntaxError = SyntaxError;
  var toText = String;
  var install = globalThis.__digpy_install;
  var transitions = { __proto__: null };

  function print() {}

  function isObject(value) {
    return value !== null && (typeof value === "object" || typeof value === "function");
  }

  // The engine looks at its time limit in scripts and regular expressions, not inside of these loops of its own.
  // `check` returns what the method is called on, and may change its arguments.
  function guard(prototype, name, check) {
    var own = prototype[name];
    var guarded = { [name](...given) { return apply(own, check(this, given), given); } }[name];
    Object.defineProperty(guarded, "length", { value: own.length });
    Object.defineProperty(prototype, name, { value: guarded });
  }

  // More elements than memory holds: only an array with holes has them.
  var LONGEST = 5000000;

  function checkLength(list) {
    if (isObject(list) && list.length > LONGEST) throw new NativeInternalError("out of memory");
    return list;
  }

  ["copyWithin", "join", "reverse", "shift", "slice", "sort", "splice", "toLocaleString", "unshift"]
    .forEach(function (name) { guard(Array.prototype, name, checkLength); });
  guard(Array.prototype, "concat", function (list, given) {
    given.forEach(checkLength);
    return checkLength(list);
  });

  function checkNested(list) {
    checkLength(list);
    if (Array.isArray(list)) list.forEach(checkNested);
    return list;
  }

  guard(Array.prototype, "flat", checkNested);
  guard(Array.prototype, "flatMap", function (list, given) {
    var make = given[0];
    if (typeof make === "function") {
      given[0] = function (item, index, all) { return checkLength(apply(make, this, [item, index, all])); };
    }
    return list;
  });

  // Characters to compare, at worst, in one search.
  var MOST = 2000000000;

  ["includes", "indexOf", "replace", "replaceAll", "split"].forEach(function (name) {
    guard(String.prototype, name, function (text, given) {
      var wanted = given[0];
      if (isObject(wanted) && (wanted[Symbol.match] || wanted[Symbol.replace] || wanted[Symbol.split])) return text;
      if (isObject(wanted)) given[0] = wanted = toText(wanted);
      if (isObject(text)) text = toText(text);
      if (typeof wanted === "string" && wanted.length > 1 && text.length * wanted.length > MOST) {
        throw new NativeInternalError("the texts (" + text.length + " and " + wanted.length +
          " characters) are too long to search one for the other");
      }
      return text;
    });
  });

  // What a host put there and ECMAScript does not know, and what could block or tell the real time.
  ["__digpy_install", "queueMicrotask", "performance", "btoa", "atob", "DOMException", "Atomics",
    "SharedArrayBuffer"].forEach(function (name) { delete globalThis[name]; });
  globalThis.print = print;

  function text(value) {
    if (value === null || value === undefined) return "";
    if (typeof value === "string") return value;
    return stringify(value) || "undefined";
  }

  // [name, message, line, column]; never throws, whatever was thrown.
  function describe(error) {
    try {
      if (!(error instanceof NativeError)) {
        return ["", typeof error === "object" && error !== null ? "Object" : toText(error), 0, 0];
      }
      var place = /:(\d+):(\d+)/.exec(toText(error.stack).split("\n")[0]);
      return [toText(error.name), toText(error.message), place ? +place[1] : 0, place ? +place[2] : 0];
    } catch (_) {
      return ["", "Object", 0, 0];
    }
  }

  // Each expression stands on lines of its own, so that a trailing comment ends and positions can be told.
  function compile(json) {
    var codes = parse(json);
    var body;
    try {
      var source = "with(this){return[";
      for (var i = 0; i < codes.length; i++) source += "()=>(\n" + codes[i] + "\n),";
      body = new NativeFunction(source + "]}");
    } catch (error) {
      var failure = stringify(describe(error));
      return function () { return failure; };
    }
    return function (variables) {
      try {
        var thunks = apply(body, parse(variables), []);
        if (thunks.length !== codes.length) throw new NativeSyntaxError("not one expression");
        var texts = [];
        for (var i = 0; i < codes.length; i++) {
          var thunk = thunks[i];
          texts[i] = text(thunk());
        }
        return stringify([texts]); // never a concatenation: Python cannot take a rope
      } catch (error) {
        return stringify(describe(error));
      }
    };
  }

  function check(json) {
    try {
      new NativeFunction("with(this){return[()=>(\n" + parse(json)[0] + "\n),]}");
      return "null";
    } catch (error) {
      return stringify(describe(error));
    }
  }

  // The library learns zone and present; transitions of a zone come once.
  function setZone(zone, now, table) {
    if (table !== null) transitions[zone] = parse(table);
    if (install) install({ zone: zone, transitions: transitions[zone], now: now });
  }

  function freezeEverything() {
    // Code could declare global names with it. Whoever writes one of these words gets a context of his own.
    function refuse() { throw new TypeError("code generation is out of reach here"); }
    [function () {}, function* () {}, async function () {}, async function* () {}].forEach(function (f) {
      Object.defineProperty(Object.getPrototypeOf(f), "constructor", { value: refuse });
    });
    // These change what every later expression would see; whoever writes one gets a context of his own, too.
    ["locale", "lang", "defineLocale", "updateLocale", "relativeTimeThreshold", "relativeTimeRounding"]
      .forEach(function (name) { if (globalThis.moment) globalThis.moment[name] = refuse; });
    globalThis.eval = refuse;
    globalThis.Function = refuse;

    // Assigning `toString` to a plain object must work although Object.prototype is frozen.
    var root = Object.prototype;
    Object.getOwnPropertyNames(root).forEach(function (name) {
      var found = Object.getOwnPropertyDescriptor(root, name);
      if (!("value" in found)) return;
      Object.defineProperty(root, name, {
        get: function () { return found.value; },
        set: function (value) {
          if (this === root || this === null || this === undefined) return;
          Object.defineProperty(this, name, {
            value: value, writable: true, enumerable: true, configurable: true,
          });
        },
      });
    });

    var todo = [globalThis, function* () {}, async function () {}, async function* () {}, [].values(),
      ""[Symbol.iterator](), new Map().keys(), new Set().keys(), "a".matchAll(/a/g), [].values().map(print),
      Iterator.from({ next: print })];
    // What the library keeps to itself, but hands out with its objects (the names of months ...).
    if (globalThis.moment) todo.push(moment(0), moment.utc(0), moment.duration(1));
    var seen = new Set();
    while (todo.length) {
      var item = todo.pop();
      if (item === null || (typeof item !== "object" && typeof item !== "function") || seen.has(item)) continue;
      seen.add(item);
      todo.push(Object.getPrototypeOf(item));
      Reflect.ownKeys(item).forEach(function (key) {
        var found = Object.getOwnPropertyDescriptor(item, key);
        todo.push(found.value, found.get, found.set);
      });
    }
    seen.forEach(function (item) { Object.freeze(item); });
  }

  if (shared) freezeEverything();
  return function (what, a, b, c) {
    return what === "compile" ? compile(a) : what === "check" ? check(a) : setZone(a, b, c);
  };
})
