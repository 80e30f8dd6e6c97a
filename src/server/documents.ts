import {
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  type ParseOptions,
  parse,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { tooComplex } from '../errors.js';
import type { ServerLimits } from './server-limits.js';

export interface DocumentsOptions {
  readonly schema: GraphQLSchema;
  readonly limits: Pick<ServerLimits, 'documentBytes' | 'documentTokens'>;
  readonly introspection: boolean;
}

/** A parsed document takes about this many bytes of memory for each code unit of its source; measured. */
const bytesPerCodeUnit = 120;
const cacheBytes = 32 * 1024 * 1024;
const maxValidationErrors = 20;

/** How documents are read, over HTTP and socket alike: the size, the parser's options and the rules of validation. */
export class Documents {
  readonly parseOptions: ParseOptions;
  /** Beside the rules of the specification. */
  readonly rules: ValidationRule[];
  readonly validationOptions = { maxErrors: maxValidationErrors };
  private readonly valid = new LRUCache<string, DocumentNode>({
    maxSize: cacheBytes,
    sizeCalculation: (document) => 1 + (document.loc?.end ?? 0) * bytesPerCodeUnit,
  });
  /** The same cache for Apollo, which keeps documents in it by a hash once it has found them valid. */
  readonly store = {
    get: async (key: string) => this.valid.get(key),
    set: async (key: string, document: DocumentNode) => {
      this.valid.set(key, document);
    },
    delete: async (key: string) => this.valid.delete(key),
  };

  constructor(private readonly options: DocumentsOptions) {
    this.parseOptions = { maxTokens: options.limits.documentTokens };
    this.rules = options.introspection ? [] : [NoSchemaIntrospectionCustomRule];
  }

  /** @throws TOO_COMPLEX for a source that is too long to be looked at. */
  checkSize(source: string): void {
    const limit = this.options.limits.documentBytes;
    const bytes = source.length > limit ? source.length : Buffer.byteLength(source);
    if (bytes > limit) {
      throw tooComplex(
        `The document has ${bytes} bytes; ${limit} is the limit: put values into variables, or split it.`,
      );
    }
  }

  /** @throws GraphQLError where the source is no GraphQL; TOO_COMPLEX where it is too long. */
  parse(source: string): DocumentNode {
    this.checkSize(source);
    return parse(source, this.parseOptions);
  }

  /**
   * A valid document, from the cache where it was read before. Apollo does the same for HTTP.
   * @throws GraphQLError where the source is no GraphQL; TOO_COMPLEX where it is too long.
   */
  read(source: string): DocumentNode | readonly GraphQLError[] {
    const known = this.valid.get(source);
    if (known) return known;
    const document = this.parse(source);
    const errors = validate(this.options.schema, document, [...specifiedRules, ...this.rules], this.validationOptions);
    if (errors.length > 0) return errors;
    this.valid.set(source, document);
    return document;
  }
}

export const isDocument = (read: DocumentNode | readonly GraphQLError[]): read is DocumentNode => 'kind' in read;
