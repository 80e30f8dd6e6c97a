import { followingContract } from './following-contract.js';
import { arrangements } from './stage.js';

followingContract(arrangements.beside);
followingContract(arrangements.apart);
